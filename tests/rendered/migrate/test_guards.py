"""Alembic with nothing but the guards: what they refuse, and that all else is as Alembic has it."""

# ruff: noqa: S608 - SQL in revisions of the tests' own
from __future__ import annotations

import re
import subprocess
import textwrap
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.conftest import headstart
from tests.rendered.conftest import on_every_database, on_postgresql
from tests.rendered.migrate.conftest import where_ddl_stays
from tests.rendered.migrate.kit import Kit, copy_of, whole_copy_of
from tests.rendered.migrate.silences import (
    BASE,
    of_database,
    prepare,
    require_functions_refused,
    require_loud,
)
from tests.rendered.servers import engine_of

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("migrate")]

SECOND = 'op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))'
# What writes another version than Alembic reports, as a replica or a trigger may.
LIE = "create trigger liar {} update on alembic_version {}"
LYING = "begin new.version_num := '0001'; return new; end"
LIAR = {
    "sqlite": [
        LIE.format("after", "when new.version_num <> '0001' begin ")
        + "update alembic_version set version_num = '0001'; end"
    ],
    "postgresql": [
        f"create function lie() returns trigger language plpgsql as $${LYING}$$",
        LIE.format("before", "for each row execute function lie()"),
    ],
    "mysql": [LIE.format("before", "for each row set new.version_num = '0001'")],
}
LIAR["mariadb"] = LIAR["mysql"]
HALF = """
op.create_table("a", sa.Column("id", sa.Integer, primary_key=True))
op.execute("insert into nowhere values (1)")
"""


@on_every_database
def test_nothing_exits_0_with_nothing_saved(plain: Kit) -> None:
    plain.write("0001", None, BASE)
    plain.migrate("upgrade")
    for name, silence, command in of_database(plain.url):
        if name == "second connection":
            continue  # which the kit sees
        prepare(plain, silence)
        plain.write("0002", "0001", silence.upgrade())
        require_loud(plain, command, name, silence.says)
        plain.execute("drop table if exists b")
    plain.write("0002", "0001", f'{SECOND}\nop.execute("insert into b values (1)")')
    plain.migrate("upgrade")
    assert plain.query("select id from b") == [(1,)]


@on_every_database
def test_a_function_of_which_nothing_would_run_is_refused(plain: Kit) -> None:
    require_functions_refused(plain)


@on_every_database
def test_the_version_is_read_again_by_another_connection(plain: Kit) -> None:
    plain.write("0001", None, BASE)
    plain.migrate("upgrade")
    plain.execute(*LIAR[sa.make_url(plain.url).get_backend_name()])
    plain.write("0002", "0001", SECOND)
    words = plain.migrate("upgrade", code=3)
    assert "Alembic reported version ['0002'], but the database says ['0001']" in words


@on_every_database
def test_of_three_upgrades_at_once_one_works_and_all_succeed(plain: Kit) -> None:
    plain.write("0001", None, f'{BASE}\nop.execute("insert into a values (1)")')
    for number in range(2, 6):
        settled = 'op.execute("update a set id = id + 1")'
        plain.write(f"{number:04}", f"{number - 1:04}", settled)
    three = [plain.start(command, "upgrade", "head") for command in ("migrate", "alembic") * 2]
    words = [process.communicate(timeout=120)[0] for process in three]
    assert [process.returncode for process in three] == [0, 0, 0, 0], words
    assert plain.value("select id from a") == 5


@on_every_database
def test_a_lock_that_others_hold_is_given_up_and_nothing_is_half_done(plain: Kit) -> None:
    plain.write("0001", None, f'{BASE}\nop.execute("insert into a values (1)")')
    plain.migrate("upgrade")
    plain.write("0002", "0001", 'op.add_column("a", sa.Column("x", sa.Integer))')
    with engine_of(plain.url).connect() as other:
        other.exec_driver_sql("begin immediate" if "sqlite" in plain.url else "begin")
        other.exec_driver_sql("update a set id = 2")
        words = plain.migrate("upgrade", code=1)
        other.exec_driver_sql("rollback")
    assert re.search("(?i)upgrade failed: .*lock", words), words
    assert "The database is at 0001." in words
    plain.migrate("upgrade")
    assert plain.columns("a") == {"id", "x"}


@on_every_database
def test_a_revision_may_leave_its_transaction_for_a_block(plain: Kit) -> None:
    body = """
        op.create_table("a", sa.Column("id", sa.Integer))
        with op.get_context().autocommit_block():
            op.create_index("ix", "a", ["id"])
        op.execute("insert into a values (1)")
    """
    plain.write("0001", None, textwrap.dedent(body))
    plain.migrate("upgrade")
    assert plain.query("select id from a") == [(1,)]


@on_postgresql
def test_an_index_is_built_beside_its_readers_while_another_upgrade_waits(plain: Kit) -> None:
    plain.write("0001", None, BASE)
    body = """
        with op.get_context().autocommit_block():
            op.create_index("ix", "a", ["id"], postgresql_concurrently=True)
    """
    plain.write("0002", "0001", textwrap.dedent(body))
    two = [plain.start("migrate", "upgrade") for _ in range(2)]
    words = [process.communicate(timeout=120)[0] for process in two]
    assert [process.returncode for process in two] == [0, 0], words


@on_every_database
def test_tables_of_others_are_left_alone(
    without_kit: Path, tmp_path: Path, database_url: str
) -> None:
    plain = whole_copy_of(without_kit, tmp_path / "plain", database_url)
    plain.migrate("upgrade")
    plain.execute("create table theirs (id integer primary key)")
    models = plain.folder / "app/outer_models.py"
    mapped = """

        @outer
        class Legacy(Base):
            __tablename__ = "legacy"
            id: Mapped[int] = mapped_column(primary_key=True)
    """
    imported = "\nfrom sqlalchemy.orm import Mapped, mapped_column\n\nModel ="
    text = models.read_text().replace("\n\nModel =", imported, 1)
    models.write_text(text + textwrap.dedent(mapped))
    assert "No new upgrade operations" in plain.migrate("check", "--db")


@on_every_database
def test_an_empty_journal_goes_and_leaves_nothing_behind(plain: Kit, kit: Kit) -> None:
    kit.write("0001", None, BASE)
    kit.migrate("upgrade")
    assert "alembic_journal" in kit.tables()
    plain.write("0001", None, BASE)
    assert "up to date" not in plain.migrate("upgrade")
    assert plain.tables() == {"a", "alembic_version"}
    assert "up to date: 0001" in plain.migrate("upgrade")


@where_ddl_stays
@pytest.mark.parametrize("version", ["0.4.0", ""])
def test_a_journal_with_a_revision_in_it_is_refused_and_resumed_by_the_kit(
    plain: Kit, kit: Kit, everything: Path, tmp_path: Path, version: str
) -> None:
    before = kit
    if version:
        words = ("--defaults", "--version", version)
        headstart("new", "shop", *words, cwd=tmp_path, state=tmp_path / "state")
        (tmp_path / "shop/.venv").symlink_to(everything / ".venv")
        before = copy_of(tmp_path / "shop", tmp_path / "before", kit.url)
    before.write("0001", None, HALF)
    before.migrate("upgrade", code=1)
    plain.write("0001", None, HALF)
    for command in ("alembic", "migrate"):
        done = plain.run(command, "upgrade", "head")
        assert done.returncode != 0
        assert "revision 0001 is partly applied" in done.stdout
        assert "headstart feature add safe_migrations" in done.stdout
    kit.write("0001", None, HALF.replace("nowhere", "a"))
    kit.migrate("resume")
    plain.write("0001", None, HALF)
    plain.migrate("upgrade")
    assert plain.tables() == {"a", "alembic_version"}
    assert plain.query("select id from a") == [(1,)]


@on_every_database
def test_each_revision_is_told_in_a_line_by_alembic_and_by_migrate(plain: Kit) -> None:
    plain.write("0001", None, BASE)
    plain.write("0002", "0001", SECOND, 'op.drop_table("b")')
    told = "upgraded to 0001  revision 0001\nupgraded to 0002  revision 0002\n"
    assert plain.run("alembic", "upgrade", "head").stdout == told
    down = "downgraded from 0002  revision 0002\n"
    assert plain.run("alembic", "downgrade", "-1").stdout == down
    assert plain.migrate("upgrade") == "upgraded to 0002  revision 0002\n"
    assert plain.migrate("downgrade", "-1") == down
    assert [event["event"] for event in plain.events("upgrade")] == ["revision"]


def test_what_is_pending_is_told_alike_by_status_check_and_upgrade(plain: Kit) -> None:
    plain.write("0001", None, BASE)
    plain.migrate("upgrade")
    plain.write("0002", "0001", SECOND)
    assert [event["event"] for event in plain.events("status")] == ["database", "head", "pending"]
    assert plain.migrate("check") == "2 revisions, head 0002\n"
    assert "the database is at 0001, the code is at 0002" in plain.migrate("check", "--db", code=2)
    plain.migrate("upgrade")
    assert [event["event"] for event in plain.events("status")] == ["database", "head"]
    (plain.folder / "migrate/versions/0002.py").unlink()
    assert "unknown   0002" in plain.migrate("status")


def test_an_empty_revision_can_be_written_at_once_and_has_its_date_once(plain: Kit) -> None:
    plain.write("0001", None, BASE)
    words = plain.migrate("revision", "-m", "by hand", "--empty")
    (path,) = (plain.folder / "migrate/versions").glob("20*.py")
    assert words == f"written: {path.name}; read it, then: make migrate\n"
    assert re.fullmatch(r"20\d{6}_[0-9a-f]{12}_by_hand\.py", path.name)
    text = path.read_text("utf-8")
    assert "\nimport sqlalchemy as sa\nfrom alembic import op\n" in text
    assert (plain.folder / "migrate/HEAD").read_text().strip() in path.name


def test_two_heads_are_found_and_joined(plain: Kit) -> None:
    plain.write("0001", None, BASE)
    plain.write("0002", "0001", SECOND)
    plain.write("0003", "0001", "pass")
    assert "there are 2 heads, 0002, 0003" in plain.migrate("check", code=2)
    assert plain.run("alembic", "merge", "heads", "-m", "both").returncode == 0
    assert "4 revisions, head" in plain.migrate("check")
    plain.migrate("upgrade")
    assert len(plain.version()) == 1


def test_migrate_alone_lists_its_commands_in_one_line_each(plain: Kit, kit: Kit) -> None:
    for each in (plain, kit):
        listed = [line for line in each.migrate().splitlines() if line.startswith("  ")]
        assert all(re.match(r"  [a-z]+ +[A-Z].*\.$", line) for line in listed), listed
        assert len(listed) >= 8


def test_a_wrong_name_is_told_with_what_can_be_done(plain: Kit) -> None:
    plain.write("0001", None, BASE)
    assert "Can't locate revision identified by '0009'" in plain.migrate("upgrade", "0009", code=1)
    assert "known are: sqlite, postgresql" in plain.migrate(
        "status", "--database", "oracle://x/y", code=1
    )


def test_nothing_to_do_imports_neither_alembic_nor_the_app(plain: Kit) -> None:
    plain.write("0001", None, BASE)
    plain.migrate("upgrade")
    program = """
        import sys
        from migrate.__main__ import main
        assert main(["upgrade"]) == 0
        print([name for name in sys.modules if name.partition(".")[0] in ("alembic", "app")])
    """
    command = [plain.python, "-c", textwrap.dedent(program)]
    environment, folder = plain.environment, plain.folder
    told = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    assert told.splitlines() == ["up to date: 0001", "[]"]
