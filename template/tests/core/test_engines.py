"""A URL of a database says what its drivers understand, or is refused in words."""

from __future__ import annotations

import pytest
from sqlalchemy import make_url, select

from app.core.database import Database
from app.core.engines import KINDS, UnsupportedDatabase, reading_engine

URLS = {
    "sqlite": "sqlite:///var/app.db",
    "postgresql": "postgresql://ada@db.example/staff",
    "mysql": "mysql://ada@db.example/staff",
}
# One that changes nothing.
HARMLESS = {"sqlite": "timeout=5", "postgresql": "sslmode=prefer", "mysql": "charset=utf8mb4"}


@pytest.mark.parametrize("kind", URLS)
def test_an_option_that_is_none_is_named_with_those_that_are(kind: str) -> None:
    known = f"option 'colour'.*{KINDS[kind].options[0]}"
    with pytest.raises(UnsupportedDatabase, match=known):
        reading_engine(f"{URLS[kind]}?colour=red")


def test_a_pooler_stands_between_or_it_does_not() -> None:
    with pytest.raises(UnsupportedDatabase, match="pgbouncer=yes; it may be true or false"):
        reading_engine(f"{URLS['postgresql']}?pgbouncer=yes")


async def test_an_option_reaches_the_driver(database_url: str) -> None:
    harmless = HARMLESS[make_url(database_url).get_backend_name()]
    database = Database(f"{database_url}?{harmless}")
    try:
        assert (await database.reads.execute(select(1))).scalar_one() == 1
    finally:
        await database.close()
