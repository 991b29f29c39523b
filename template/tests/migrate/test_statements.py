"""What a statement is to the journal: its words, and the values that it is sent with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from migrate.kit import values
from migrate.kit.statements import Kind, kind_of
from migrate.transaction import ending, words

APART, DATA, SESSION = Kind.APART, Kind.DATA, Kind.SESSION


@pytest.mark.parametrize(
    ("sql", "postgresql", "mysql"),
    [
        ("select 1", DATA, DATA),
        ("-- why\n/* and how */ SET lock_timeout = 1", SESSION, SESSION),
        ("with x as (select 1) insert into t select * from x", DATA, DATA),
        ("update t set n = 1;", DATA, DATA),
        ("update t set n = 1; drop table t", APART, APART),
        ("ALTER TABLE t ADD COLUMN n INTEGER", APART, APART),
        ("call p()", APART, APART),
        ("what is that", APART, APART),
        ("/*! drop table t */", APART, APART),
    ],
)
def test_what_is_not_known_to_commit_nothing_may_do_anything(
    sql: str, postgresql: Kind, mysql: Kind
) -> None:
    assert kind_of(words(sql, "postgresql")) is postgresql
    assert kind_of(words(sql, "mariadb")) is mysql


@pytest.mark.parametrize(
    "sql",
    [
        "COMMIT",
        "/* all */ rollback work",
        "; ROLLBACK",
        "insert into t values ('; x'); commit",
        "/*!50000 ROLLBACK */",
        "# all\nROLLBACK",
        "set session autocommit=1",
        "lock tables t write",
    ],
)
def test_words_that_end_a_transaction_are_seen(sql: str) -> None:
    assert ending(words(sql, "mysql"), "mysql")


@pytest.mark.parametrize(
    "sql",
    [
        "rollback to savepoint a",
        "insert into t values ('; commit'), ('it''s; rollback')",
        "create procedure p() begin update t set n = 1; commit; end",
        "select `commit` from t -- ; rollback",
    ],
)
def test_words_that_are_said_of_something_else_are_not_taken_for_it(sql: str) -> None:
    assert ending(words(sql, "mysql"), "mysql") is None


def test_names_are_known_without_their_quotes() -> None:
    said = words('alter table `a ``b`."Order" add x -- y', "mysql")
    assert said == ["alter", "table", "a `b", ".", "order", "add", "x"]


def test_values_come_back_as_they_were() -> None:
    told = [1, "é", None, 1.5, Decimal("1.50"), b"\0x", UUID(int=7), timedelta(seconds=3)]
    told += [datetime(2026, 1, 2, 3, 4, 5, 6, UTC), (1, [2]), {"a": {"b": b"c"}}]
    text = values.packed(told, 10_000)
    assert text is not None
    assert values.unpacked(text) == told
    assert values.packed(object(), 10_000) is None
    assert values.packed("x" * 11, 10) is None


def test_only_what_is_made_for_the_occasion_may_stand_for_another() -> None:
    then, now = uuid4(), uuid4()
    assert values.stand_ins({"id": then, "n": 1}, {"id": now, "n": 1}) == {now: then}
    assert values.substituted([(now, 2)], {now: then}) == [(then, 2)]
    moment = datetime.now(UTC)
    assert values.stand_ins([moment], [moment + timedelta(1)]) == {moment + timedelta(1): moment}
    assert values.stand_ins([1], [2]) is None
    assert values.stand_ins(["a"], ["b"]) is None
    assert values.stand_ins([datetime(2000, 1, 1)], [datetime(2000, 1, 2)]) is None  # noqa: DTZ001
