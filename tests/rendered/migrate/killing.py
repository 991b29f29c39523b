"""Run by the interpreter of a rendered project: kill a migration everywhere, and run it again.

Before and after every statement that writes, whoever sends it: the revision, the journal, Alembic.
KILL=every: all those points; KILL=kinds: one before and one after each kind of statement.
"""

# ruff: noqa: S608 - SQL of the test's own
from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import alembic.command
import sqlalchemy as sa
from sqlalchemy import Engine, event

from migrate.__main__ import main
from migrate.kit import runner, safety
from migrate.kit.commands import running
from migrate.kit.engine import make_engine
from migrate.kit.statements import MYSQL

URL = sa.make_url(os.environ["DATABASE_URL"])
COPY = f"{URL.database}_copy"
NEVER = 10**9
READS = {"select", "show", "describe", "pragma"}
SEEN = Path("seen")

assert all((alembic.command, runner, running, safety)), "imported once, before the forks"

State = dict[str, list[list[str]]]


def forked(work: Callable[[], int]) -> int:
    """Do the work in a process of its own; return its exit code, or minus the signal."""
    child = os.fork()
    if child == 0:
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            code = work()
        if code:
            sys.stderr.write(output.getvalue())
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def upgrade(kill_at: int) -> int:
    """Upgrade, and be killed at a point; who lives writes down what the points were."""
    seen: list[str] = []

    def pass_by(when: str, sql: str) -> None:
        words = sql.split(maxsplit=3)
        if words[0].lower() not in READS:
            seen.append(" ".join([when, *words[:3]]))
        if len(seen) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", lambda *told: pass_by("before", told[2]))
    event.listen(Engine, "after_cursor_execute", lambda *told: pass_by("after", told[2]))
    code = main(["upgrade"])
    SEEN.write_text(json.dumps(seen))
    return code


def on_the_server(*statements: str) -> None:
    """Run statements in no transaction, and in none of the databases that they are about."""
    home = "postgres" if URL.get_backend_name() == "postgresql" else "information_schema"
    engine = make_engine(URL.set(database=home).render_as_string(hide_password=False))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def tables() -> list[str]:
    return sa.inspect(engine).get_table_names()


def copied(source: str, target: str) -> list[str]:
    """Return what copies the tables of the one database of MySQL into the other."""
    likewise = [f"CREATE TABLE {target}.{one} LIKE {source}.{one}" for one in before]
    rows = [f"INSERT INTO {target}.{one} SELECT * FROM {source}.{one}" for one in before]
    return [*likewise, *rows]


def keep() -> None:
    """Copy the database, sooner to be put back than the revisions would make it."""
    if URL.get_backend_name() == "sqlite":
        shutil.copy(str(URL.database), COPY)
    elif URL.get_backend_name() == "postgresql":
        on_the_server(f"CREATE DATABASE {COPY} TEMPLATE {URL.database}")
    else:
        on_the_server(f"CREATE DATABASE {COPY}", *copied(str(URL.database), COPY))


def put_back() -> None:
    """Make the database the copy again."""
    if URL.get_backend_name() == "sqlite":
        shutil.copy(COPY, str(URL.database))
        Path(f"{URL.database}-journal").unlink(missing_ok=True)
    elif URL.get_backend_name() == "postgresql":
        again = f"CREATE DATABASE {URL.database} TEMPLATE {COPY}"
        on_the_server(f"DROP DATABASE {URL.database} WITH (FORCE)", again)
    else:
        drops = [f"DROP TABLE {URL.database}.{one}" for one in tables()]
        copies = copied(COPY, str(URL.database))
        on_the_server("SET FOREIGN_KEY_CHECKS = 0", *drops, *copies)


def schema_of(connection: sa.Connection, table: str) -> list[str]:
    """Return all that a database says of a table's form."""
    if connection.dialect.name in MYSQL:
        said = str(connection.exec_driver_sql(f"SHOW CREATE TABLE {table}").one()[1])
        return sorted(re.sub(r" AUTO_INCREMENT=\d+|,$", "", line) for line in said.splitlines())
    found = sa.inspect(connection)
    looks = (found.get_columns, found.get_indexes, found.get_unique_constraints)
    looks += (found.get_foreign_keys, found.get_check_constraints)
    return [str(sorted(map(str, look(table)))) for look in looks]


def state() -> State:
    """Return every table's rows and form."""
    found: State = {}
    with engine.connect() as connection:
        for table in sorted(tables()):
            rows = connection.exec_driver_sql(f"SELECT * FROM {table}").mappings().all()
            # InnoDB does not use a number again whose INSERT was rolled back.
            numbered = {("audit", "id")}
            found[table] = sorted(
                [str(row[name]) for name in sorted(row) if (table, name) not in numbered]
                for row in rows
            )
            found[f"form of {table}"] = [schema_of(connection, table)]
    return found


def difference(point: int) -> list[object]:
    """Kill at that point, run the same command again; return what is then otherwise."""
    put_back()
    codes = forked(lambda: upgrade(point)), forked(lambda: upgrade(NEVER))
    now = state()
    if codes == (-signal.SIGKILL, 0) and now == whole:
        return []
    wrong = {name: value for name, value in now.items() if value != whole.get(name)}
    return [point, seen[point - 1], codes, wrong]


def chosen() -> list[int]:
    """Return the numbers of the points: all, or the last of each kind."""
    if os.environ["KILL"] == "every":
        return list(range(1, len(seen) + 1))
    return sorted({kind: number for number, kind in enumerate(seen, 1)}.values())


assert forked(lambda: main(["upgrade", "0001"])) == 0
engine = make_engine(os.environ["DATABASE_URL"])
before = tables()
keep()
assert forked(lambda: upgrade(NEVER)) == 0
whole, seen = state(), json.loads(SEEN.read_text())
points = chosen()
different = list(filter(None, map(difference, points)))
told = {"points": len(points), "of": len(seen), "different": different}
print(json.dumps(told | {"users": whole["users"], "journal": whole["alembic_journal"]}))
