"""A PostgreSQL that is reached by TLS, as libpq's options in DATABASE_URL say: by all drivers."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.rendered.processes import Backend
from tests.rendered.servers import SqlServer, engine_of, running_postgresql
from tests.rendered.test_mail_encryption import Certificate
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

IS_ENCRYPTED = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
BY_THE_APP = f"""
import asyncio
from sqlalchemy import text
from app.core.database import Database
from app.settings import Settings

async def main():
    database = Database(Settings().database_url)
    print((await database.reads.execute(text("{IS_ENCRYPTED}"))).scalar_one())
    await database.close()

asyncio.run(main())
"""
BY_THE_MIGRATIONS = f"""
from migrate.engine import make_engine, raw, reading
from migrate.project import database_url

with reading(make_engine(database_url())) as connection:
    print(raw(connection, "{IS_ENCRYPTED}")[0])
"""


def encrypt(server: SqlServer, own: Certificate) -> None:
    """Let a server that runs speak TLS."""
    with engine_of(server.url).connect() as connection:
        folder = Path(str(connection.exec_driver_sql("SHOW data_directory").scalar()))
        for file, setting in ((own.file, "ssl_cert_file"), (own.key, "ssl_key_file")):
            copied = shutil.copy(file, folder / file.name)
            shutil.chown(copied, folder.owner(), folder.group())
            Path(copied).chmod(0o600)
            connection.exec_driver_sql(f"ALTER SYSTEM SET {setting} = '{file.name}'")
        connection.exec_driver_sql("ALTER SYSTEM SET ssl = on")
        connection.exec_driver_sql("SELECT pg_reload_conf()")

    def speaks() -> bool:
        with engine_of(server.url).connect() as connection:
            return connection.exec_driver_sql("SHOW ssl").scalar() == "on"

    wait_until(speaks, "the server to speak TLS")


def test_all_drivers_reach_it_and_look_at_whom_they_reach(
    unmigrated: Backend, tmp_path: Path
) -> None:
    own, other = (Certificate.made(tmp_path, name) for name in ("localhost", "other"))
    with running_postgresql() as server:
        encrypt(server, own)
        url = server.url.replace("127.0.0.1", "localhost")

        def ends(program: str, options: str) -> str:
            told = {"DATABASE_URL": f"{url}?{options}"}
            backend = replace(unmigrated, environment=unmigrated.environment | told)
            done = backend.done("-c", program)
            return done.stdout.strip() or done.stderr

        for program in (BY_THE_APP, BY_THE_MIGRATIONS):
            assert ends(program, "sslmode=disable") == "False"
            assert ends(program, "sslmode=require") == "True"
            assert ends(program, f"sslmode=verify-full&sslrootcert={own.file}") == "True"
            refused = ends(program, f"sslmode=verify-full&sslrootcert={other.file}")
            assert "certificate verify failed" in refused
