"""Before and after a change: copies, counts of what would go, and backfills in batches."""

from __future__ import annotations

import pytest

from tests.rendered.conftest import on_every_database
from tests.rendered.migrate.kit import Kit
from tests.rendered.servers import program

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("migrate")]

BASE = """
op.create_table("users", sa.Column("id", sa.Integer, primary_key=True), sa.Column("n", sa.Integer))
op.create_table("empty", sa.Column("id", sa.Integer, primary_key=True))
op.bulk_insert(
    sa.table("users", sa.column("id", sa.Integer)), [{"id": number} for number in range(1, 1001)]
)
"""
DOWN = 'op.drop_table("users")\nop.drop_table("empty")'
BACKFILL = """
import sqlalchemy as sa

table = sa.table("users", sa.column("id", sa.Integer), sa.column("n", sa.Integer))
key = table.c.id
values = {"n": sa.func.coalesce(table.c.n, 0) + 1}
where = None
"""


@pytest.fixture
def filled(kit: Kit) -> Kit:
    """A database with a thousand rows."""
    kit.write("0001", None, BASE, DOWN)
    kit.migrate("upgrade")
    return kit


@pytest.mark.parametrize("database_url", ["mysql"], indirect=True)
def test_a_copy_that_mysql_would_not_take_back_is_not_made(filled: Kit) -> None:
    filled.execute("alter table users add column doubled integer as (n * 2)")
    of_mariadb = filled.folder / "programs"
    of_mariadb.mkdir()
    (of_mariadb / "mariadb-dump").symlink_to(program("mariadb-dump"))
    words = filled.migrate("backup", code=3, PATH=str(of_mariadb))
    assert "users has generated columns" in words
    assert not list((filled.folder / "var/backups").iterdir())


@on_every_database
def test_a_downgrade_counts_what_it_would_lose_and_copies_it(filled: Kit) -> None:
    words = filled.migrate("downgrade", "base", code=3)
    assert "loses  table users: 1000 rows" in words
    assert "loses  table empty: 0 rows" in words
    assert "users" in filled.tables()
    words = filled.migrate("downgrade", "base", "--yes")
    assert "backup: " in words
    assert len(list((filled.folder / "var/backups").iterdir())) == 1
    assert "users" not in filled.tables()


def test_a_backup_that_fails_refuses_what_loses_data(filled: Kit) -> None:
    full = "echo no space >&2; exit 1"
    down = ("downgrade", "base", "--yes")
    assert "no space" in filled.migrate(*down, code=3, MIGRATE_BACKUP_COMMAND=full)
    assert "users" in filled.tables()
    filled.migrate(*down, "--no-backup", MIGRATE_BACKUP_COMMAND=full)
    assert "users" not in filled.tables()


def test_an_own_command_makes_the_backup(filled: Kit) -> None:
    command = 'echo "$DATABASE_URL" > "$BACKUP_FILE"'
    filled.migrate("backup", MIGRATE_BACKUP_COMMAND=command)
    (file,) = (filled.folder / "var/backups").iterdir()
    assert file.read_text() == f"{filled.url}\n"


def test_a_revision_that_changes_rows_comes_with_its_backfill(filled: Kit) -> None:
    assert "there is none yet" in filled.migrate("backfill", "numbers", code=1)
    words = filled.migrate("revision", "-m", "number the users", "--data", "numbers")
    assert "written: backfills/numbers.py" in words
    path = filled.folder / "migrate/backfills/numbers.py"
    compile(path.read_text(), "numbers.py", "exec")
    path.write_text(BACKFILL)
    assert "numbers" in filled.migrate("upgrade", code=3)
    mistyped = filled.migrate("backfill", "number", code=1)
    assert mistyped == "there is no backfill number: there are numbers (migrate/backfills)\n"
    filled.migrate("backfill", "numbers")
    filled.migrate("upgrade")
    assert filled.value("select count(*) from users where n = 1") == 1000
    assert "already" in filled.migrate("revision", "-m", "again", "--data", "numbers", code=3)
    assert "no name" in filled.migrate("revision", "-m", "again", "--data", "../x", code=3)


@on_every_database
def test_a_backfill_goes_on_where_it_was_killed(filled: Kit) -> None:
    backfills = filled.folder / "migrate/backfills"
    backfills.mkdir()
    (backfills / "counted.py").write_text(BACKFILL)
    filled.write("0002", "0001", "pass")
    path = filled.folder / "migrate/versions/0002.py"
    path.write_text(
        path.read_text().replace("depends_on", 'needs_backfill = "counted"\ndepends_on')
    )
    assert "migrate backfill counted" in filled.migrate("upgrade", code=3)
    filled.program("""
        import os, signal
        from sqlalchemy import Engine, event
        from migrate.__main__ import main

        seen = 0
        def kill(connection, cursor, sql, *_):
            global seen
            seen += sql.startswith("UPDATE users")
            if seen == 4:
                os.kill(os.getpid(), signal.SIGKILL)

        if os.fork() == 0:
            event.listen(Engine, "after_cursor_execute", kill)
            main(["backfill", "counted", "--batch", "100", "--target", "0.000001"])
        os.wait()
    """)
    done = filled.value("select count(*) from users where n = 1")
    assert done == 300
    assert "700 rows ahead" in filled.migrate("backfill", "counted", "--batch", "100")
    assert filled.query("select min(n), max(n) from users") == [(1, 1)]
    filled.migrate("backfill", "counted")
    assert filled.query("select min(n), max(n) from users") == [(1, 1)]
    filled.migrate("upgrade")
    assert filled.version() == {"0002"}
