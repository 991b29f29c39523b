"""`status` says all there is to know before a change; a database that is away is told as that."""

from __future__ import annotations

import pytest

from tests.rendered.migrate.kit import Kit
from tests.rendered.migrate.test_data import BACKFILL

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("migrate")]

TABLE = 'op.create_table("{0}", sa.Column("id", sa.Integer, primary_key=True))'
DROP = 'op.drop_table("{0}")'
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.fixture
def kit(kit: Kit) -> Kit:
    """Three revisions, of which the last loses a table."""
    kit.write("0001", None, TABLE.format("a"), DROP.format("a"))
    kit.write("0002", "0001", TABLE.format("b"), DROP.format("b"))
    kit.write("0003", "0002", DROP.format("a"), TABLE.format("a"))
    return kit


def test_what_is_pending_is_told_with_what_lint_finds_in_it(kit: Kit) -> None:
    kit.migrate("upgrade", "+1")
    pending = [event for event in kit.events("status") if event["event"] == "pending"]
    assert [(event["revision"], event["findings"]) for event in pending] == [
        ("0002", []),
        ("0003", ["M20"]),
    ]


def test_up_goes_as_many_steps_as_there_are(kit: Kit) -> None:
    kit.migrate("upgrade", "+2")
    assert kit.version() == {"0002"}
    assert "2 steps up, and pending are 1" in kit.migrate("upgrade", "+2", code=3)
    assert kit.version() == {"0002"}


def test_every_backfill_is_told_with_how_far_it_has_come(kit: Kit) -> None:
    folder = kit.folder / "migrate/backfills"
    folder.mkdir()
    (folder / "counted.py").write_text(BACKFILL)
    kit.execute("CREATE TABLE users (id integer primary key, n integer)")
    kit.execute("INSERT INTO users (id) VALUES (1)")
    assert "backfill  counted: not begun, 0 rows" in kit.migrate("status")
    kit.migrate("backfill", "counted")
    assert "backfill  counted: done, 1 rows" in kit.migrate("status")


def test_tables_that_no_revision_touches_are_told(kit: Kit) -> None:
    kit.execute("CREATE TABLE payroll (id integer primary key)")
    (told,) = [event for event in kit.events("status") if event["event"] == "unmanaged"]
    assert told["tables"] == ["payroll"]
    assert "payroll: no revision touches" in str(told["text"])


@pytest.mark.parametrize(
    "command", ["status", "upgrade", "check --db", "backfill counted", "test", "stamp head", "undo"]
)
def test_a_database_that_is_away_is_told_in_words(kit: Kit, command: str) -> None:
    words = kit.migrate(*command.split(), "--database", NOWHERE, code=1)
    assert "the database does not answer" in words
    assert "Traceback" not in words


def test_a_database_of_a_kind_that_nobody_knows_is_told_in_words(kit: Kit) -> None:
    words = kit.migrate("status", "--database", "oracle://x@y/z", code=1)
    assert words.startswith("DATABASE_URL starts with 'oracle'")
