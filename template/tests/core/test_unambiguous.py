"""What proxies, logs and the api could read differently is read in one way, or refused."""

from __future__ import annotations

from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI, Query
from starlette.types import Message

from tests.test_promises import assert_problem
from tests.things import URL

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ('{"name": "a", "name": "b"}', "name"),
        ('{"name": "a", "more": [{"deep": 1, "deep": 1}]}', "deep"),
        ('{"name": "a", "n\\u0061me": "b"}', "name"),
    ],
)
async def test_a_name_that_stands_twice_in_a_body_is_refused(
    client: httpx.AsyncClient, body: str, name: str
) -> None:
    answer = await client.post(URL, content=body, headers=JSON)
    assert_problem(answer, 422)
    assert answer.json()["errors"] == [{"location": f"body.{name}", "message": "is given twice"}]


@pytest.mark.parametrize("query", ["limit=1&limit=1", "limit=1&total=true&%6cimit=2"])
async def test_a_parameter_that_is_given_twice_is_refused(
    client: httpx.AsyncClient, query: str
) -> None:
    answer = await client.get(f"{URL}?{query}")
    assert_problem(answer, 422)
    assert answer.json()["errors"][0]["location"] == "query.limit"


async def test_a_parameter_that_is_a_list_may_be_repeated(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    @app.get("/sum")
    async def add(number: Annotated[list[int], Query()], times: int = 1) -> int:
        return sum(number) * times

    assert (await client.get("/sum?number=1&number=2&times=2")).json() == 6
    assert (await client.get("/sum?number=1&times=2&times=3")).status_code == 422


async def test_another_path_is_another_path(client: httpx.AsyncClient) -> None:
    """A redirect would lead wherever the Host header says."""
    answer = await client.get(f"{URL}/", headers={"Host": "elsewhere.example"})
    assert answer.status_code == 404
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("version", "hosts", "status"),
    [("1.1", 1, 200), ("1.1", 0, 400), ("1.1", 2, 400), ("1.0", 0, 200), ("1.0", 2, 400)],
)
async def test_a_request_names_its_host_once(
    app: FastAPI, version: str, hosts: int, status: int
) -> None:
    scope = {
        "type": "http",
        "http_version": version,
        "method": "GET",
        "scheme": "http",
        "path": "/livez",
        "query_string": b"",
        "headers": [(b"host", b"test")] * hosts,
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    assert sent[0]["status"] == status


async def test_head_is_answered_as_get_without_the_body(client: httpx.AsyncClient) -> None:
    got, asked = await client.get(URL), await client.head(URL)
    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["content-length"] == str(len(got.content))
    assert asked.headers["content-type"] == got.headers["content-type"]
    assert (await client.head("/nowhere")).status_code == 404
