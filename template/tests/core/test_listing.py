"""Lists are sorted, filtered and walked as they are declared, alike on every database."""

from __future__ import annotations

import httpx
import pytest

from app.core.database import Database
from app.core.listing import Cursors, Listing, Page, sort_key
from tests.things import URL, draft, service
from tests.things.service import COLUMNS, ThingIn, ThingOut, ThingQuery

with_some = pytest.mark.usefixtures("some")
NAMES = ["Örn", "ada", "Zoë", "Ada", "Émile", "adam", "100 % Bob", "ADA"]


@pytest.fixture
async def some(database: Database) -> None:
    """Eight things, three of them of one name but for its case."""
    async with database.writes() as session:
        for number, name in enumerate(NAMES):
            kind = "engine" if number % 2 else "loom"
            await service.create(session, ThingIn(**draft(number, name=name, kind=kind)))


async def walk(client: httpx.AsyncClient, **params: str | int) -> list[str]:
    """Return every name of a list, page by page."""
    names: list[str] = []
    page = (await client.get(URL, params=params)).json()["data"]
    while True:
        names += [item["name"] for item in page["items"]]
        if page["next"] is None:
            return names
        # The cursor alone remembers the rest.
        following = {"cursor": page["next"], "limit": params["limit"]}
        page = (await client.get(URL, params=following)).json()["data"]


@with_some
@pytest.mark.parametrize("limit", [1, 3, 100])
@pytest.mark.parametrize("name", ["created_at", "number"])
async def test_every_sort_walks_the_whole_list(
    client: httpx.AsyncClient, name: str, limit: int
) -> None:
    assert await walk(client, sort=name, limit=limit) == NAMES
    assert await walk(client, sort=f"-{name}", limit=limit) == NAMES[::-1]


@with_some
@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_names_are_sorted_without_case_and_accents(
    client: httpx.AsyncClient, limit: int
) -> None:
    forwards = await walk(client, sort="name", limit=limit)
    assert [sort_key(name) for name in forwards] == sorted(map(sort_key, NAMES))
    assert sorted(forwards) == sorted(NAMES)
    assert await walk(client, sort="-name", limit=limit) == forwards[::-1]


@with_some
@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"kind": "loom"}, ["Örn", "Zoë", "Émile", "100 % Bob"]),
        ({"kind": "loo"}, []),
        ({"q": "Ada"}, ["ada", "Ada", "adam", "ADA"]),
        ({"q": "em"}, ["Émile"]),
        ({"q": "ö"}, ["Örn"]),
        ({"q": "%"}, []),
        ({"q": "100 %"}, ["100 % Bob"]),
        ({"q": "ad", "kind": "loom"}, []),
        ({"q": "ad", "kind": "engine"}, ["ada", "Ada", "adam", "ADA"]),
    ],
)
async def test_filters_find_what_they_say(
    client: httpx.AsyncClient, params: dict[str, str], found: list[str]
) -> None:
    assert await walk(client, sort="created_at", limit=2, **params) == found


@with_some
@pytest.mark.parametrize(
    "other",
    [{"sort": "name"}, {"kind": "loom"}, {"q": "b"}, {"q": "a", "sort": "created_at"}],
)
async def test_a_cursor_of_another_list_is_refused(
    client: httpx.AsyncClient, other: dict[str, str]
) -> None:
    asked = {"limit": "1", "q": "a"}
    cursor = (await client.get(URL, params=asked)).json()["data"]["next"]
    assert (await client.get(URL, params=asked | {"cursor": cursor})).status_code == 200
    answer = await client.get(URL, params={"cursor": cursor} | other)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["location"] == "query.cursor"


@with_some
async def test_the_total_is_told_when_asked_for(client: httpx.AsyncClient) -> None:
    async def total(**params: str | int) -> tuple[int | None, bool | None]:
        page = (await client.get(URL, params=params)).json()["data"]
        return page["total"], page["total_is_exact"]

    assert await total() == (None, None)
    assert await total(total="true", limit=1) == (8, True)
    assert await total(total="true", q="ad") == (4, True)
    assert await total(page=2, limit=3, kind="loom") == (4, True)


@with_some
async def test_counting_ends_and_says_so(database: Database) -> None:
    listing = Listing(
        Page[ThingOut],
        service.LISTING.rows,
        COLUMNS.id,
        sorts={"created_at": COLUMNS.created_at},
        filters={},
        count_to=5,
    )
    page = await listing.page(database.reads, ThingQuery(total=True), Cursors("secret"))
    assert (page.total, page.total_is_exact) == (5, False)
