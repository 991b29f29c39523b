"""Many at once: one migrates, the others wait; and nobody waits longer than the lock timeout."""

# ruff: noqa: S608 - SQL in programs of the tests' own
from __future__ import annotations

import threading
import time

import pytest
import sqlalchemy as sa

from tests.rendered.conftest import on_every_database, on_every_server
from tests.rendered.migrate.kit import Kit
from tests.rendered.servers import engine_of

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


@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)
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
    engine, over = engine_of(kit.url), threading.Event()
    longest = 0.0

    def read() -> None:
        nonlocal longest
        while not over.is_set():
            begun = time.monotonic()
            with engine.connect() as connection:
                connection.execute(sa.text("select id from users")).all()
            longest = max(longest, time.monotonic() - begun)
            time.sleep(0.02)

    reader = threading.Thread(target=read)
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as worker:
        worker.execute(sa.text("update users set n = n + 1"))
        reader.start()
        migration = kit.start("migrate", "upgrade", "--lock-timeout", "1")
        time.sleep(7)
        worker.commit()
    words, _ = migration.communicate(timeout=60)
    over.set()
    reader.join()
    assert migration.returncode == 0, words
    assert "a lock is not to be had (attempt 1 of" in words
    assert "in the way may be session" in words
    assert "open for" in words
    assert longest < 3, words
    assert kit.version() == {"0002"}


@on_every_server
def test_a_lock_that_stays_ends_in_an_exit_code_of_its_own(kit: Kit) -> None:
    kit.write("0001", None, BASE)
    kit.migrate("upgrade")
    kit.write("0002", "0001", ADD)
    with engine_of(kit.url).connect().execution_options(isolation_level="REPEATABLE READ") as other:
        other.execute(sa.text("update users set n = n + 1"))
        words = kit.migrate("upgrade", "--lock-timeout", "1", "--retries", "1", code=4)
    assert "End that transaction" in words
    kit.migrate("upgrade")
    assert kit.version() == {"0002"}


@on_every_server
def test_a_statement_that_takes_too_long_is_ended(kit: Kit) -> None:
    kit.write("0001", None, BASE)
    kit.migrate("upgrade")
    postgresql = kit.url.startswith("postgresql")
    sleep = "pg_sleep(20)" if postgresql else "sleep(20)"
    kit.write(
        "0002", "0001", f'op.execute("update users set n = (select 1 from (select {sleep}) t)")'
    )
    begun = time.monotonic()
    assert "Nothing of it stays" in kit.migrate("upgrade", "--statement-timeout", "1", code=1)
    assert time.monotonic() - begun < 15
