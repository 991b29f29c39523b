"""Many at once: one migrates, the others wait; and nobody waits longer than the lock timeout."""

# ruff: noqa: S608 - SQL in programs of the tests' own
from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from tests.forkserver import Forked
from tests.rendered.conftest import on_every_database, on_every_server
from tests.rendered.migrate.conftest import where_ddl_stays
from tests.rendered.migrate.kit import Kit
from tests.rendered.servers import engine_of
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("migrate")]

BASE = """
op.create_table("users", sa.Column("id", sa.Integer, primary_key=True), sa.Column("n", sa.Integer))
op.execute("insert into users values (1, 0)")
"""
ADD = 'op.add_column("users", sa.Column("nick", sa.String(10)))'
SETTLED = 'op.execute("update users set n = n + 1")'


@on_every_database
def test_of_three_upgrades_at_once_one_works_and_all_succeed(kit: Kit) -> None:
    kit.write("0001", None, BASE)
    for number in range(2, 6):
        kit.write(f"{number:04}", f"{number - 1:04}", SETTLED)
    three = [kit.start("migrate", "upgrade") for _ in range(3)]
    words = [process.communicate(timeout=120)[0] for process in three]
    assert [process.returncode for process in three] == [0, 0, 0], words
    assert kit.value("select n from users") == 4


@where_ddl_stays
def test_online_only_refuses_what_others_would_wait_for(kit: Kit) -> None:
    kit.write("0001", None, BASE)
    kit.write("0002", "0001", 'op.add_column("users", sa.Column("more", sa.Integer))')
    kit.migrate("upgrade", "--online-only")
    kit.write("0003", "0002", 'op.alter_column("users", "n", type_=sa.String(9))')
    words = kit.migrate("upgrade", "--online-only", "--yes", code=1)
    assert "ALGORITHM=INPLACE is not supported" in words
    assert kit.version() == {"0002"}
    kit.migrate("upgrade", "--yes")
    assert kit.version() == {"0003"}


@on_every_server
def test_a_lock_is_given_up_and_tried_again_and_its_holder_named(kit: Kit) -> None:
    kit.write("0001", None, BASE)
    kit.migrate("upgrade")
    kit.write("0002", "0001", ADD)
    with reading(kit.url) as reads, transaction(kit.url) as worker:
        worker.execute(sa.text("update users set n = n + 1"))
        migration = kit.start("migrate", "upgrade", "--lock-timeout", "1")
        words = said_until(migration, "trying again in")
        number = reads()
        wait_until(lambda: reads() > number + 1, "readers, while the worker holds its lock")
        worker.commit()
        words += migration.communicate(timeout=120)[0]
    assert migration.returncode == 0, words
    assert "could not get the lock (attempt 1 of" in words
    assert "in the way may be session" in words
    assert "open for" in words
    assert kit.version() == {"0002"}


@on_every_server
def test_a_lock_that_stays_ends_in_an_exit_code_of_its_own(kit: Kit) -> None:
    kit.write("0001", None, BASE)
    kit.migrate("upgrade")
    kit.write("0002", "0001", ADD)
    with transaction(kit.url) as other:
        other.execute(sa.text("update users set n = n + 1"))
        words = kit.migrate("upgrade", "--lock-timeout", "1", "--retries", "1", code=4)
    assert "End that transaction" in words
    kit.migrate("upgrade")
    assert kit.version() == {"0002"}


@on_every_server
def test_a_statement_that_takes_too_long_is_ended(kit: Kit) -> None:
    kit.write("0001", None, BASE)
    kit.migrate("upgrade")
    sleep = "pg_sleep(600)" if kit.url.startswith("postgresql") else "sleep(600)"
    endless = (
        f"update users set n = (select 1 from (select {sleep}) t)",
        f"create table later as select {sleep} as n from users",
    )
    for statement in endless:
        kit.write("0002", "0001", f"op.execute({statement!r})")
        words = kit.migrate("upgrade", "--statement-timeout", "1", code=1)
        assert "Nothing of it stays" in words, words
    assert kit.tables() == {"alembic_version", "alembic_journal", "users"}


def transaction(url: str) -> sa.Connection:
    """A connection of somebody else's, who takes a transaction's time."""
    return engine_of(url).connect().execution_options(isolation_level="REPEATABLE READ")


@contextmanager
def reading(url: str) -> Iterator[Callable[[], int]]:
    """Read again and again meanwhile; yields what tells how often that was done."""
    engine, over = engine_of(url), threading.Event()
    done = 0

    def read() -> None:
        nonlocal done
        while not over.wait(0.02):
            with engine.connect() as connection:
                connection.execute(sa.text("select id from users")).all()
            done += 1

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield lambda: done
    finally:
        over.set()
        reader.join()


def said_until(process: Forked, words: str) -> str:
    """Read what a command says, to the line with these words."""
    hangs = threading.Timer(120, process.kill)
    hangs.start()
    said = ""
    for line in process.stdout or ():
        said += line
        if words in line:
            break
    hangs.cancel()
    assert words in said, said
    return said
