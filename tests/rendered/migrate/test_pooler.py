"""A pooler before the database: where it would lose the lock, it is seen, and passed by."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.rendered.conftest import on_postgresql
from tests.rendered.migrate.kit import Kit
from tests.rendered.servers import SqlServer, engine_of, running_pgbouncer

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("migrate")]

BASE = 'op.create_table("a", sa.Column("id", sa.Integer, primary_key=True))'


@on_postgresql
@pytest.mark.parametrize("which", ["kit", "plain"])
def test_a_pooler_that_mixes_sessions_is_refused_and_passed_by(
    postgresql: SqlServer, kit: Kit, plain: Kit, which: str
) -> None:
    kit = {"kit": kit, "plain": plain}[which]
    kit.write("0001", None, BASE)
    direct = kit.url
    with running_pgbouncer(postgresql, "transaction") as pooler:
        kit.url = pooled(direct, pooler)
        assert "pending   0001" in kit.migrate("status")
        for command in ("alembic", "migrate"):
            done = kit.run(command, "upgrade", "head")
            assert done.returncode != 0
            assert "Set DIRECT_DATABASE_URL" in done.stdout
        assert kit.version() == set()
        kit.migrate("upgrade", DIRECT_DATABASE_URL=direct)
        assert kit.version() == {"0001"}
        assert "migrate" not in settings_of_three_sessions(kit.url)


@on_postgresql
def test_a_pooler_that_keeps_sessions_apart_is_migrated_through(
    postgresql: SqlServer, kit: Kit
) -> None:
    kit.write("0001", None, BASE)
    with running_pgbouncer(postgresql, "session") as pooler:
        kit.url = pooled(kit.url, pooler)
        kit.migrate("upgrade")
        assert kit.version() == {"0001"}
        assert "migrate" not in settings_of_three_sessions(kit.url)


def pooled(direct: str, pooler: str) -> str:
    return pooler + str(sa.make_url(direct).database)


def settings_of_three_sessions(url: str) -> set[str]:
    """Return what the application's sessions are called, and how long they wait for locks."""
    engines = [engine_of(url).connect() for _ in range(3)]
    try:
        names = {str(one.exec_driver_sql("show application_name").scalar()) for one in engines}
        waits = {str(one.exec_driver_sql("show lock_timeout").scalar()) for one in engines}
        assert waits == {"0"}
        return names
    finally:
        for one in engines:
            one.close()
