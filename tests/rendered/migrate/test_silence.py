"""What would exit 0 with nothing saved, or hang for ever, fails loudly and names its cause."""

# ruff: noqa: S608 - SQL in programs of the tests' own
from __future__ import annotations

import pytest

from tests.rendered.conftest import on_every_database, on_every_server
from tests.rendered.migrate.kit import Kit

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("migrate")]

BASE = 'op.create_table("a", sa.Column("id", sa.Integer, primary_key=True))'
OTHER = "sa.create_engine(op.get_bind().engine.url.render_as_string(hide_password=False))"
SESSION = "from sqlalchemy.orm import Session"
# What a revision does between creating a table and filling it, and what is said of it.
ENDINGS = {
    "commit": ("op.get_bind().commit()", "committed or rolled back"),
    "rollback": ("op.get_bind().rollback()", "committed or rolled back"),
    "session's rollback": (
        f"{SESSION}\ns = Session(op.get_bind()); s.execute(sa.text('select 1')); s.rollback()",
        "committed or rolled back",
    ),
    "COMMIT": ('op.execute("COMMIT")', "'COMMIT' would end the transaction"),
    "begin": ("with op.get_bind().begin(): pass", "already"),
    "second connection": (
        f"with {OTHER}.begin() as other: other.execute(sa.text('insert into a values (9)'))",
        "connects to its database a second time",
    ),
    "second session": (
        f"{SESSION}\nwith Session({OTHER}) as s: s.execute(sa.text('select * from a'))",
        "connects to its database a second time",
    ),
}


@on_every_database
def test_a_revision_that_ends_or_leaves_its_transaction_is_refused(kit: Kit) -> None:
    kit.write("0001", None, BASE)
    kit.migrate("upgrade")
    for body, cause in ENDINGS.values():
        up = f'op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))\n{body}\n'
        kit.write("0002", "0001", f'{up}op.execute("insert into b values (1)")')
        plain = kit.run("alembic", "upgrade", "head")
        assert plain.returncode != 0, plain.stdout
        assert cause in plain.stdout
        assert kit.version() == {"0001"}
        # Whatever it left is known to the journal: without the culprit the same command goes on.
        kit.write("0002", "0001", f'{up.replace(body, "")}op.execute("insert into b values (1)")')
        kit.migrate("upgrade")
        assert kit.query("select id from b") == [(1,)]
        assert kit.version() == {"0002"}
        kit.execute("drop table b", "update alembic_version set version_num = '0001'")


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
