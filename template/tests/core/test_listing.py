"""Lists are sorted, filtered and walked as they are declared, alike on every database."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import Table

from app.core.database import Database
from app.core.listing import Cursors, Listing, Page, sort_key
from app.modules.profiles import service
from app.modules.profiles.models import Profile
from app.modules.profiles.schemas import ProfileIn, ProfileOut, ProfileQuery

URL = "/v1/profiles"
with_people = pytest.mark.usefixtures("people")
NAMES = ["Örn", "ada", "Zoë", "Ada", "Émile", "adam", "100 % Bob", "ADA"]


@pytest.fixture
async def people(database: Database) -> None:
    """Eight profiles, three of them of one name but for its case."""
    async with database.writes() as session:
        for number, name in enumerate(NAMES):
            draft = ProfileIn(
                employee_number=f"E-{number}",
                full_name=name,
                email="someone@example.com",
                department="Engines" if number % 2 else "Looms",
            )
            await service.create(session, draft)


async def walk(client: httpx.AsyncClient, **params: str | int) -> list[str]:
    """Return every name of a list, page by page."""
    names: list[str] = []
    page = (await client.get(URL, params=params)).json()["data"]
    while True:
        names += [item["full_name"] for item in page["items"]]
        if page["next"] is None:
            return names
        # The cursor alone remembers the rest.
        following = {"cursor": page["next"], "limit": params["limit"]}
        page = (await client.get(URL, params=following)).json()["data"]


@with_people
@pytest.mark.parametrize("limit", [1, 3, 100])
@pytest.mark.parametrize("name", ["created_at", "employee_number"])
async def test_every_sort_walks_the_whole_list(
    client: httpx.AsyncClient, name: str, limit: int
) -> None:
    assert await walk(client, sort=name, limit=limit) == NAMES
    assert await walk(client, sort=f"-{name}", limit=limit) == NAMES[::-1]


@with_people
@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_names_are_sorted_without_case_and_accents(
    client: httpx.AsyncClient, limit: int
) -> None:
    forwards = await walk(client, sort="full_name", limit=limit)
    assert [sort_key(name) for name in forwards] == sorted(map(sort_key, NAMES))
    assert sorted(forwards) == sorted(NAMES)
    assert await walk(client, sort="-full_name", limit=limit) == forwards[::-1]


@with_people
@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"department": "Looms"}, ["Örn", "Zoë", "Émile", "100 % Bob"]),
        ({"department": "Loom"}, []),
        ({"q": "Ada"}, ["ada", "Ada", "adam", "ADA"]),
        ({"q": "em"}, ["Émile"]),
        ({"q": "ö"}, ["Örn"]),
        ({"q": "%"}, []),
        ({"q": "100 %"}, ["100 % Bob"]),
        ({"q": "ad", "department": "Looms"}, []),
        ({"q": "ad", "department": "Engines"}, ["ada", "Ada", "adam", "ADA"]),
    ],
)
async def test_filters_find_what_they_say(
    client: httpx.AsyncClient, params: dict[str, str], found: list[str]
) -> None:
    assert await walk(client, sort="created_at", limit=2, **params) == found


@with_people
@pytest.mark.parametrize(
    "other",
    [{"sort": "full_name"}, {"department": "Looms"}, {"q": "b"}, {"q": "a", "sort": "created_at"}],
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


@with_people
async def test_the_total_is_told_when_asked_for(client: httpx.AsyncClient) -> None:
    async def total(**params: str | int) -> tuple[int | None, bool | None]:
        page = (await client.get(URL, params=params)).json()["data"]
        return page["total"], page["total_is_exact"]

    assert await total() == (None, None)
    assert await total(total="true", limit=1) == (8, True)
    assert await total(total="true", q="ad") == (4, True)
    assert await total(page=2, limit=3, department="Looms") == (4, True)


@with_people
async def test_counting_ends_and_says_so(database: Database) -> None:
    listing = Listing(
        Page[ProfileOut],
        service.LISTING.rows,
        Profile.__table__.c.id,
        sorts={"created_at": Profile.__table__.c.created_at},
        filters={},
        count_to=5,
    )
    page = await listing.page(database.reads, ProfileQuery(total=True), Cursors("secret"))
    assert (page.total, page.total_is_exact) == (5, False)


def test_every_sort_and_filter_that_can_be_asked_for_is_answered() -> None:
    listing = service.LISTING
    offered = ProfileQuery.model_json_schema()["properties"]
    forwards = [name for name in offered["sort"]["enum"] if not name.startswith("-")]
    assert forwards == list(listing.sorts)
    assert offered["sort"]["enum"] == [each for name in forwards for each in (name, f"-{name}")]
    assert offered.keys() - {"sort", "limit", "cursor", "page", "total"} == listing.filters.keys()


def test_every_sort_has_an_index_that_ends_in_the_id() -> None:
    table = Profile.__table__
    assert isinstance(table, Table)
    indexes = {tuple(index.columns.keys()) for index in table.indexes}
    assert {(column.key, "id") for column in service.LISTING.sorts.values()} <= indexes
