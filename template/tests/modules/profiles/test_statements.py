"""How many statements each endpoint of profiles costs: the same for one row and for many."""

from __future__ import annotations

import httpx
import pytest

from tests.conftest import COUNTED
from tests.modules.profiles import URL, draft


@pytest.fixture
def client(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client whose requests are known by their id."""
    client.headers["X-Request-ID"] = COUNTED
    return client


async def create(client: httpx.AsyncClient, number: int) -> httpx.Response:
    return await client.post(URL, json=draft(number))


async def test_a_creation(client: httpx.AsyncClient, statements: list[str]) -> None:
    await create(client, 1)
    assert len(statements) == 1, statements


@pytest.mark.parametrize("number", [1, 20])
@pytest.mark.parametrize(
    ("params", "cost"),
    [({}, 1), ({"q": "a", "sort": "full_name"}, 1), ({"total": "true"}, 2), ({"page": "1"}, 2)],
)
async def test_a_list(
    client: httpx.AsyncClient,
    statements: list[str],
    number: int,
    params: dict[str, str],
    cost: int,
) -> None:
    for each in range(number):
        await create(client, each)
    statements.clear()
    answer = await client.get(URL, params=params)
    assert len(answer.json()["data"]["items"]) == number
    assert len(statements) == cost, statements


async def test_one_profile(
    client: httpx.AsyncClient, statements: list[str], picture: bytes
) -> None:
    created = await create(client, 1)
    path = created.headers["location"]
    seen = {"If-Match": "*"}

    async def cost(method: str, path: str, **request: object) -> int:
        statements.clear()
        answer = await client.request(method, path, **request)  # type: ignore[arg-type]
        assert answer.is_success
        return len(statements)

    assert await cost("GET", path) == 1
    assert await cost("PUT", path, json=draft(1), headers=seen) == 2
    assert await cost("PUT", f"{path}/headshot", files={"image": picture}) == 4
    assert await cost("DELETE", path, headers=seen) == 2
