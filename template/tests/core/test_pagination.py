"""Cursors are read back only by who wrote them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from pydantic import ValidationError

from app.core.errors import InvalidInput
from app.core.listing import Cursors, PageQuery, Position

POSITION = Position(
    {"sort": "-created_at", "q": "Ö"}, datetime(2026, 1, 2, 3, 4, 5, 678901, UTC), uuid4()
)


def test_a_cursor_is_read_back_as_it_was_written() -> None:
    cursors = Cursors("secret")
    assert cursors.read(cursors.write(POSITION)) == POSITION
    named = replace(POSITION, value="lovelace")
    assert cursors.read(cursors.write(named)) == named


def test_the_longest_cursor_is_accepted() -> None:
    longest = Position(
        {"sort": "-name", "department": "𐍈" * 100, "q": "𐍈" * 100}, "𐍈" * 100, uuid4()
    )
    PageQuery(sort="name", cursor=Cursors("secret").write(longest))


def test_a_cursor_of_another_secret_is_refused() -> None:
    with pytest.raises(InvalidInput):
        Cursors("ours").read(Cursors("theirs").write(POSITION))


@pytest.mark.parametrize("cursor", ["", "x", "äöü", "!!!!", "AAAA", "A" * 299])
def test_anything_else_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput):
        Cursors("secret").read(cursor)


def test_every_single_change_of_a_cursor_is_noticed() -> None:
    cursors = Cursors("secret")
    written = cursors.write(POSITION)
    for index, letter in enumerate(written[:-1]):
        changed = written[:index] + ("A" if letter != "A" else "B") + written[index + 1 :]
        with pytest.raises(InvalidInput):
            cursors.read(changed)


def test_numbered_pages_end_where_they_become_expensive() -> None:
    assert PageQuery(sort="name", page=100, limit=100).offset == 9_900
    with pytest.raises(ValidationError, match="walk on by cursor"):
        PageQuery(sort="name", page=101, limit=100)
