"""What would exit 0 with nothing saved, or hang for ever, fails loudly and names its cause."""

# ruff: noqa: S608 - SQL in programs of the tests' own
from __future__ import annotations

import pytest

from tests.rendered.conftest import first_on, on_every_database, on_every_server
from tests.rendered.migrate.kit import Kit
from tests.rendered.migrate.silences import (
    BASE,
    Silence,
    of_database,
    prepare,
    require_functions_refused,
    require_loud,
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("migrate")]

SESSION = "from sqlalchemy.orm import Session"


@first_on("sqlite", "postgresql", "mariadb")
def test_nothing_exits_0_with_nothing_saved(kit: Kit) -> None:
    """By either command; and without the culprit, whatever was left, the same command goes on."""
    kit.write("0001", None, BASE)
    kit.migrate("upgrade")
    for name, silence, command in of_database(kit.url):
        prepare(kit, silence)
        kit.write("0002", "0001", silence.upgrade())
        require_loud(kit, command, name, silence.says)
        if "b" not in kit.tables():
            continue  # the database has taken it back
        kit.write("0002", "0001", silence.upgrade(fill=False))
        kit.migrate("upgrade")
        assert kit.query("select id from b order by id") == [(1,), (2,)], name
        kit.execute("drop table b", "update alembic_version set version_num = '0001'")
    kit.write("0002", "0001", Silence("pass").upgrade())
    kit.migrate("upgrade")
    assert kit.query("select id from b order by id") == [(1,), (2,)]


@on_every_database
def test_a_function_of_which_nothing_would_run_is_refused(kit: Kit) -> None:
    require_functions_refused(kit)
    assert kit.tables() == {"a", "alembic_version", "alembic_journal"}


@on_every_database
def test_a_transaction_before_alembic_is_configured_is_refused(kit: Kit) -> None:
    kit.write("0001", None, BASE)
    env = kit.folder / "migrate/env.py"
    listener = """
        import sqlalchemy as _sa
        from sqlalchemy import event as _event

        @_event.listens_for(_sa.Engine, "engine_connect")
        def _look(connection):
            connection.execute(_sa.text("select 1"))
    """
    lines = [line[8:] for line in listener.splitlines()]
    env.write_text(
        env.read_text().replace("url = context", "\n".join(lines) + "\nurl = context", 1)
    )
    done = kit.run("alembic", "upgrade", "head")
    assert done.returncode != 0
    assert "nothing may be executed before that" in done.stdout
    assert kit.tables() <= {"alembic_version"}


@on_every_database
def test_a_session_that_joins_the_transaction_is_welcome(kit: Kit) -> None:
    kit.write("0001", None, BASE)
    up = f"{SESSION}\ns = Session(op.get_bind())\ns.execute(sa.text('insert into a values (1)'))"
    kit.write("0002", "0001", f"{up}\ns.commit()")
    kit.migrate("upgrade")
    assert kit.query("select id from a") == [(1,)]


@on_every_server
def test_what_another_connection_leaves_open_is_named_and_waited_for_a_while(kit: Kit) -> None:
    kit.write("0001", None, BASE)
    kit.migrate("upgrade")
    kit.write("0002", "0001", 'op.add_column("a", sa.Column("x", sa.Integer))')
    idle = """
        import os, sys, sqlalchemy as sa
        from migrate.kit.engine import make_engine
        from migrate.__main__ import main

        with make_engine(os.environ["DATABASE_URL"]).connect() as connection:
            connection.execute(sa.text("select * from a")).all()
            if connection.dialect.name != "postgresql":
                connection.execute(sa.text("insert into a values (5)"))
            sys.exit(main(["upgrade", "--retries", "0", "--lock-timeout", "1"]) != 4)
    """
    words = kit.program(idle)
    assert "in the way may be session" in words
    assert kit.version() == {"0001"}
    kit.migrate("upgrade")
    assert kit.version() == {"0002"}


@on_every_database
def test_a_swallowed_error_loses_nothing(kit: Kit) -> None:
    kit.write("0001", None, BASE)
    up = """
op.execute("insert into a values (1)")
try:
    op.execute("insert into nowhere values (1)")
except Exception:
    pass
op.execute("insert into a values (2)")
"""
    kit.write("0002", "0001", up)
    done = kit.run("migrate", "upgrade")
    saved = kit.query("select id from a order by 1") if "a" in kit.tables() else []
    whole = [(1,), (2,)] if done.returncode == 0 else []
    assert saved == whole, done.stdout
    assert kit.version() == {"0002" if whole else "0001"}
