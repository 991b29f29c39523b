"""A revision that fails half-way can be finished, taken back, or split, and says so."""

from __future__ import annotations

import pytest

from tests.rendered.conftest import on_every_database, on_every_server, on_postgresql
from tests.rendered.migrate.conftest import where_ddl_stays
from tests.rendered.migrate.kit import Kit

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("migrate")]

BASE = """
op.create_table(
    "users",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(50), nullable=False),
    sa.Column("age", sa.Integer, nullable=False),
)
op.execute("insert into users (id, name, age) values (1, 'same', 10), (2, 'same', 20)")
"""
UP = """
op.add_column("users", sa.Column("nick", sa.String(50)))
# the names are looked up by it
op.create_index("ix_users_age", "users", ["age"])
op.create_table("audit", sa.Column("id", sa.Integer, primary_key=True))
op.alter_column("users", "name", existing_type=sa.String(50), new_column_name="full_name")
# fails while two users have the same name
op.create_unique_constraint("uq_users_full_name", "users", ["full_name"])
op.create_table("later", sa.Column("id", sa.Integer, primary_key=True))
"""
DOWN = """
op.drop_table("later")
op.drop_constraint("uq_users_full_name", "users", type_="unique")
op.alter_column("users", "full_name", existing_type=sa.String(50), new_column_name="name")
op.drop_table("audit")
op.drop_index("ix_users_age", "users")
op.drop_column("users", "nick")
"""
DATA = 'op.execute("update users set age = age + 100")\n'
DIFFERENT_NAMES = "update users set full_name = 'other' where id = 2"


@pytest.fixture
def failed(kit: Kit) -> Kit:
    """A database at 0001, in which 0002 has failed at its fifth statement."""
    kit.write("0001", None, BASE)
    kit.write("0002", "0001", UP, DOWN)
    words = kit.migrate("upgrade", code=1)
    assert "failed at statement 5" in words
    assert all(f"migrate {command}" in words for command in ("resume", "undo", "split"))
    assert kit.version() == {"0001"}
    return kit


@on_every_database
def test_a_first_statement_that_fails_has_changed_nothing(kit: Kit) -> None:
    kit.write("0001", None, BASE)
    kit.write("0002", "0001", 'op.drop_table("nowhere")')
    words = kit.migrate("upgrade", code=1)
    assert "Nothing of it stays in the database, which is at 0001" in words
    assert "run the same command again" in words
    kit.write("0002", "0001", 'op.drop_table("users")')
    kit.migrate("upgrade", "--yes")
    assert "users" not in kit.tables()


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_where_ddl_is_transactional_a_failure_takes_everything_back(kit: Kit) -> None:
    kit.write("0001", None, BASE)
    kit.write("0002", "0001", DATA + 'op.drop_table("nowhere")')
    assert "Nothing of it stays" in kit.migrate("upgrade", code=1)
    assert kit.query("select age from users order by 1") == [(10,), (20,)]
    assert kit.value("select count(*) from alembic_journal") == 0


@where_ddl_stays
def test_status_and_every_other_command_say_what_is_partly_applied(failed: Kit) -> None:
    status = failed.migrate("status")
    assert "partly upgraded: 0002" in status
    assert "#4 done" in status
    assert "#5" not in status
    for command in (["downgrade", "base"], ["stamp", "0002", "--yes"]):
        assert "partly upgraded" in failed.migrate(*command, code=3)
    assert failed.run("alembic", "downgrade", "base").returncode != 0
    assert failed.version() == {"0001"}


@where_ddl_stays
def test_resume_goes_on_when_the_cause_is_gone(failed: Kit) -> None:
    assert "failed at statement 5" in failed.migrate("resume", code=1)
    failed.execute(DIFFERENT_NAMES)
    assert "[0002 #4] skipped" in failed.migrate("resume")
    assert failed.version() == {"0002"}
    assert failed.migrate("resume") == "nothing is partly applied; `upgrade` goes on\n"
    failed.migrate("downgrade", "0001", "--yes")
    assert failed.columns("users") == {"id", "name", "age"}


@where_ddl_stays
def test_what_comes_after_the_executed_part_may_be_edited(failed: Kit) -> None:
    unique = 'op.create_unique_constraint("uq_users_full_name", "users", ["full_name"])'
    failed.write("0002", "0001", UP.replace(unique, f"op.execute({DIFFERENT_NAMES!r})\n{unique}"))
    failed.migrate("upgrade")
    assert failed.version() == {"0002"}


@where_ddl_stays
@pytest.mark.parametrize("command", ["upgrade", "resume"])
def test_an_executed_statement_cannot_be_edited_or_removed(failed: Kit, command: str) -> None:
    failed.write("0002", "0001", UP.replace('"nick"', '"surname"'))
    words = failed.migrate(command, code=3)
    assert "ADD COLUMN nick" in words
    assert "ADD COLUMN surname" in words
    failed.write("0002", "0001", UP[: UP.index("op.create_table")])
    words = failed.migrate(command, code=3)
    assert "the file no longer has it" in words
    assert "CREATE TABLE audit" in words
    assert failed.version() == {"0001"}


@where_ddl_stays
def test_undo_takes_back_only_what_was_executed(failed: Kit) -> None:
    plan = failed.migrate("undo")
    assert "nothing was changed" in plan
    steps = [line for line in plan.splitlines() if line.startswith("undo")]
    changes = "DROP KEY `ix_users_age`, CHANGE `full_name` `name` varchar(50) NOT NULL"
    assert steps == [
        "undo      DROP TABLE `audit`",
        f"undo      ALTER TABLE `users` {changes}, DROP COLUMN `nick`",
    ]
    failed.migrate("undo", "--write")
    assert failed.columns("users") == {"id", "name", "age"}
    assert failed.tables() == {"alembic_version", "alembic_journal", "users"}
    assert failed.version() == {"0001"}
    failed.execute("update users set name = 'other' where id = 2")
    failed.migrate("upgrade")
    assert failed.version() == {"0002"}


@where_ddl_stays
def test_undo_refuses_what_it_cannot_take_back(kit: Kit) -> None:
    kit.write("0001", None, BASE)
    drop = 'op.drop_column("users", "age")\n'
    kit.write("0002", "0001", DATA + drop + UP.replace('"age"', '"id"'), DOWN)
    kit.migrate("upgrade", "--yes", code=1)
    words = kit.migrate("undo", "--write", code=3)
    assert "cannot be taken back: update users set age = age + 100" in words
    assert "its data is gone, and only in a backup: `users`, column age" in words
    assert "nick" in kit.columns("users")
    # The column comes again, without its data: or the same command would fail at its end.
    assert "is undone, but for" in kit.migrate("undo", "--write", "--accept")
    assert kit.columns("users") == {"id", "name", "age"}
    assert set(kit.query("select age from users")) == {(0,)}


@where_ddl_stays
def test_a_killed_undo_goes_on(failed: Kit) -> None:
    program = """
        import os, signal
        from sqlalchemy import Engine, event
        from migrate.__main__ import main

        def kill(connection, cursor, sql, *_):
            if sql.strip().startswith("DROP TABLE"):
                os.kill(os.getpid(), signal.SIGKILL)

        if os.fork() == 0:
            event.listen(Engine, "after_cursor_execute", kill)
            main(["undo", "--write"])
        os.wait()
    """
    failed.program(program)
    assert "is being undone" in failed.migrate("resume", code=3)
    assert "partly undone" in failed.migrate("upgrade", code=3)
    failed.migrate("undo", "--write")
    assert failed.columns("users") == {"id", "name", "age"}
    assert failed.value("select count(*) from alembic_journal") == 0


@where_ddl_stays
def test_split_makes_two_revisions_and_the_rest_keeps_the_id(failed: Kit) -> None:
    assert "nothing was written" in failed.migrate("split")
    failed.migrate("split", "--write")
    assert failed.migrate("check") == "3 revisions, head 0002\n"
    executed = (failed.folder / "migrate/versions/0002_executed.py").read_text()
    rest = (failed.folder / "migrate/versions/0002.py").read_text()
    assert 'revision = "0002_p1"' in executed
    assert "down_revision = '0001'" in executed
    assert 'down_revision = "0002_p1"' in rest
    assert "# the names are looked up by it" in executed
    assert "# fails while two users" in rest
    assert ('drop_table("audit")' in executed, 'drop_table("later")' in rest) == (True, True)
    assert "audit" not in rest
    failed.migrate("split", "--stamp")
    assert failed.version() == {"0002_p1"}
    failed.execute(DIFFERENT_NAMES)
    failed.migrate("upgrade")
    assert failed.version() == {"0002"}
    failed.migrate("downgrade", "0001", "--yes")
    assert failed.columns("users") == {"id", "name", "age"}


@where_ddl_stays
def test_split_refuses_a_cut_inside_a_loop(kit: Kit) -> None:
    kit.write("0001", None, BASE)
    loop = """
for name in ("first", "second", "id"):
    op.add_column("users", sa.Column(name, sa.Integer))
"""
    kit.write("0002", "0001", loop)
    kit.migrate("upgrade", code=1)
    assert "part of it was executed" in kit.migrate("split", code=3)


@where_ddl_stays
def test_a_statement_whose_outcome_nothing_tells_is_resolved_by_a_person(kit: Kit) -> None:
    kit.write("0001", None, BASE)
    kit.write("0002", "0001", 'op.execute("call adds()")')
    kit.migrate("upgrade", "0001")
    kit.execute(
        "create procedure adds() begin update users set age = age + 1; commit; end",
    )
    killed = """
        import os, pymysql, signal
        from migrate.__main__ import main

        def kill(self, sql, *rest):
            answer = query(self, sql, *rest)
            if sql[:4] in (b"call", "call"):
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        query = pymysql.connections.Connection.query
        if os.fork() == 0:
            pymysql.connections.Connection.query = kill
            main(["upgrade"])
        os.wait()
    """
    kit.program(killed)
    assert "resolve --done 1` or `--not-done 1" in kit.migrate("upgrade", code=3)
    kit.migrate("resolve", "--done", "1")
    kit.migrate("upgrade")
    assert kit.version() == {"0002"}
    assert kit.query("select age from users order by id") == [(11,), (21,)]
    kit.write("0003", "0002", 'op.execute("call adds()")')
    kit.program(killed)
    assert "no number" in kit.migrate("resolve", "--done", "first", code=3)
    assert "say one of" in kit.migrate("resolve", code=3)
    kit.migrate("resolve", "--forget")
    kit.migrate("upgrade")
    assert kit.query("select age from users order by id") == [(13,), (23,)]
    assert "nothing is partly applied" in kit.migrate("resolve", "--forget", code=3)


@on_postgresql
def test_an_index_that_failed_concurrently_is_built_again(kit: Kit) -> None:
    kit.write("0001", None, BASE)
    up = """
op.execute("update users set age = age + 100")
with op.get_context().autocommit_block():
    op.create_index("uq", "users", ["name"], unique=True, postgresql_concurrently=True)
    op.execute("update users set age = age + 1000")
"""
    kit.write("0002", "0001", up)
    assert "failed at statement 2" in kit.migrate("upgrade", code=1)
    assert kit.query("select 1 from pg_class where relname = 'uq'") == []  # nor an invalid one
    kit.execute("update users set name = 'other' where id = 2")
    kit.migrate("upgrade")
    assert kit.query("select age from users order by 1") == [(1110,), (1120,)]
    assert kit.value("select indisvalid from pg_index where indexrelid = 'uq'::regclass") is True


@where_ddl_stays
def test_a_partial_downgrade_is_finished_or_taken_back(kit: Kit) -> None:
    kit.write("0001", None, BASE)
    kit.write("0002", "0001", UP.replace('["full_name"])', '["age"])'), DOWN + DOWN)
    kit.migrate("upgrade")
    kit.migrate("downgrade", "-1", "--yes", code=1)
    assert "partly downgraded" in kit.migrate("status")
    assert "partly" in kit.migrate("upgrade", code=3)
    kit.write("0002", "0001", UP.replace('["full_name"])', '["age"])'), DOWN)
    kit.migrate("resume", "--yes")
    assert kit.version() == {"0001"}


@where_ddl_stays
def test_undo_and_split_need_no_file_as_it_was(failed: Kit) -> None:
    """The executed part of the file was edited: `undo` goes by the journal, and `split` too."""
    edited = UP.replace('"nick"', '"surname"').replace("# fails while", "# failed while")
    path = failed.write("0002", "0001", edited, DOWN)
    failed.migrate("split", "--write")
    executed = path.with_name("0002_executed.py").read_text("utf-8")
    assert '"nick"' in executed
    assert "surname" not in executed
    path.with_name("0002_executed.py").unlink()
    path.unlink()
    plan = failed.migrate("undo", "--write")
    assert "nothing of it is in the database" in plan
    assert failed.columns("users") == {"id", "name", "age"}
    assert failed.tables() == {"alembic_version", "alembic_journal", "users"}


@where_ddl_stays
def test_undo_drops_the_index_that_a_foreign_key_left_behind(kit: Kit) -> None:
    kit.write("0001", None, BASE + 'op.create_table("log", sa.Column("user_id", sa.Integer))')
    key = 'op.create_foreign_key("fk", "log", "users", ["user_id"], ["id"])\n'
    kit.write("0002", "0001", key + 'op.execute("create nothing")')
    kit.migrate("upgrade", code=1)
    kit.migrate("undo", "--write")
    assert "KEY" not in str(kit.query("show create table log")[0][1])


@on_every_server
def test_a_block_of_code_that_writes_is_not_run_twice(kit: Kit) -> None:
    """In a block of autocommit, before what fails there until its cause is gone."""
    kit.write("0001", None, BASE)
    adds = "update users set age = age + 10"
    code = f"do $$ begin {adds}; end $$" if kit.url.startswith("postgresql") else adds
    up = f"""
with op.get_context().autocommit_block():
    op.execute({code!r})
    op.create_index("uq", "users", ["name"], unique=True, postgresql_concurrently=True)
"""
    kit.write("0002", "0001", up)
    kit.migrate("upgrade", code=1)
    kit.execute("update users set name = 'other' where id = 2")
    kit.migrate("upgrade")
    assert kit.query("select age from users order by id") == [(20,), (30,)]


@on_every_server
def test_more_rows_than_the_journal_keeps_are_not_read_again(kit: Kit) -> None:
    """A loop over them might be another one: it says so, and undo leads out."""
    kit.write("0001", None, BASE)
    up = """
op.execute("create table many (id integer, t text)")
op.get_bind().execute(sa.text("insert into many (id, t) values (:n, :t)"),
                      [{"n": n, "t": "x" * 200} for n in range(8000)])
rows = op.get_bind().execute(sa.text("select id, t from many")).all()
with op.get_context().autocommit_block():
    op.create_index("ix", "users", ["age"], postgresql_concurrently=True)
assert len(rows) == 8000
op.execute("insert into users (id) values (1)")
"""
    kit.write("0002", "0001", up)
    kit.migrate("upgrade", code=1)
    assert "not resumable: statement 3 returned more" in kit.migrate("status")
    assert "returned more than the journal keeps" in kit.migrate("upgrade", code=3)
    assert "nothing of it is in the database" in kit.migrate("undo", "--write")
    assert "many" not in kit.tables()
