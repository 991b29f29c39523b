"""Profiles over HTTP."""

from __future__ import annotations

import asyncio
from io import BytesIO
from uuid import uuid4

import httpx
import pytest
from PIL import Image
from sqlalchemy import Table

from app.modules.profiles import service
from app.modules.profiles.images import THUMBNAIL_SIZE
from app.modules.profiles.models import Profile
from app.modules.profiles.schemas import ProfileQuery
from app.settings import Settings
from tests.modules.profiles import URL, draft


async def create(client: httpx.AsyncClient, number: int = 1) -> str:
    answer = await client.post(URL, json=draft(number))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["id"])


async def wait_for_headshot(client: httpx.AsyncClient, path: str) -> None:
    for _ in range(500):
        if (await client.get(path)).json()["data"]["headshot"] == "ready":
            return
        await asyncio.sleep(0.02)
    pytest.fail("the thumbnail was not made")


async def test_a_profile_is_created_read_replaced_and_deleted(client: httpx.AsyncClient) -> None:
    created = await client.post(URL, json=draft())
    assert created.status_code == 201
    path = created.headers["location"]
    data = created.json()["data"]
    assert data | draft() | {"headshot": "none"} == data

    assert (await client.get(path)).json() == {"success": True, "data": data}

    seen = {"If-Match": created.headers["etag"]}
    replaced = await client.put(path, json=draft(department="Analytics"), headers=seen)
    assert replaced.json()["data"]["department"] == "Analytics"
    assert replaced.json()["data"]["updated_at"] > data["updated_at"]
    assert replaced.json()["data"]["created_at"] == data["created_at"]

    seen = {"If-Match": replaced.headers["etag"]}
    assert (await client.delete(path, headers=seen)).status_code == 204
    assert (await client.get(path)).status_code == 404
    assert (await client.delete(path, headers=seen)).status_code == 404
    assert (await client.put(path, json=draft(), headers=seen)).status_code == 404


async def test_an_employee_number_is_taken_once(client: httpx.AsyncClient) -> None:
    await create(client, 1)
    other = await create(client, 2)
    again = await client.post(URL, json=draft(1))
    assert again.status_code == 409
    assert "E-001" in again.json()["detail"]
    answer = await client.put(f"{URL}/{other}", json=draft(1), headers={"If-Match": "*"})
    assert answer.status_code == 409


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("employee_number", "has space"),
        ("employee_number", "x" * 21),
        ("full_name", "   "),
        ("full_name", "x" * 101),
        ("full_name", "Ada\0Lovelace"),
        ("email", "nobody"),
    ],
)
async def test_invalid_fields_are_named(client: httpx.AsyncClient, field: str, value: str) -> None:
    answer = await client.post(URL, json=draft() | {field: value})
    assert answer.status_code == 422
    assert [error["location"] for error in answer.json()["errors"]] == [f"body.{field}"]


async def test_cursors_walk_the_whole_list_once_newest_first(client: httpx.AsyncClient) -> None:
    created = [await create(client, number) for number in range(7)]
    seen: list[str] = []
    params: dict[str, str | int] = {"limit": 3}
    while True:
        page = (await client.get(URL, params=params)).json()["data"]
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
        await create(client, 100 + len(seen))  # what is new meanwhile does not disturb the walk
    assert seen == created[::-1]


async def test_numbered_pages_say_how_many_there_are(client: httpx.AsyncClient) -> None:
    created = [await create(client, number) for number in range(5)]
    page = (await client.get(URL, params={"page": 2, "limit": 2})).json()["data"]
    assert [item["id"] for item in page["items"]] == created[::-1][2:4]
    assert page["total"] == 5


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 0},
        {"limit": 101},
        {"page": 0},
        {"page": 1, "cursor": "x"},
        {"page": 10**9},
        {"cursor": "forged"},
        {"cursor": "x" * 2001},
        {"offset": 3},
        {"sort": "email"},
        {"q": "ada\0"},
        {"department": "R\nD"},
        {"sort": "--created_at"},
        {"q": ""},
        {"department": "x" * 101},
    ],
)
async def test_a_page_that_cannot_be_is_refused(
    client: httpx.AsyncClient, params: dict[str, str | int]
) -> None:
    assert (await client.get(URL, params=params)).status_code == 422


async def test_a_headshot_becomes_a_square_thumbnail(
    client: httpx.AsyncClient, picture: bytes
) -> None:
    path = f"{URL}/{await create(client)}"
    assert (await client.get(f"{path}/headshot")).status_code == 404
    answer = await client.put(f"{path}/headshot", files={"image": picture})
    assert answer.status_code == 202
    assert answer.json()["data"]["headshot"] == "processing"
    await wait_for_headshot(client, path)
    thumbnail = await client.get(f"{path}/headshot")
    assert thumbnail.headers["content-type"] == "image/webp"
    assert Image.open(BytesIO(thumbnail.content)).size == THUMBNAIL_SIZE


async def test_a_second_upload_replaces_the_first(
    client: httpx.AsyncClient, picture: bytes
) -> None:
    path = f"{URL}/{await create(client)}"
    await client.put(f"{path}/headshot", files={"image": picture})
    await wait_for_headshot(client, path)
    first = (await client.get(f"{path}/headshot")).content
    target = BytesIO()
    Image.new("RGB", (300, 300), "crimson").save(target, "JPEG")
    await client.put(f"{path}/headshot", files={"image": target.getvalue()})
    await wait_for_headshot(client, path)
    assert (await client.get(f"{path}/headshot")).content != first


async def test_a_headshot_goes_with_its_profile(client: httpx.AsyncClient, picture: bytes) -> None:
    path = f"{URL}/{await create(client)}"
    await client.put(f"{path}/headshot", files={"image": picture})
    assert (await client.delete(path, headers={"If-Match": "*"})).status_code == 204
    assert (await client.get(f"{path}/headshot")).status_code == 404


@pytest.mark.parametrize("data", [b"", b"not an image", b"\x89PNG\r\n\x1a\nbroken"])
async def test_what_is_no_image_is_refused(client: httpx.AsyncClient, data: bytes) -> None:
    path = f"{URL}/{await create(client)}/headshot"
    answer = await client.put(path, files={"image": ("x.png", data, "image/png")})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["location"] == "body.image"


async def test_a_picture_that_is_too_large_is_refused(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    path = f"{URL}/{await create(client)}/headshot"
    answer = await client.put(path, files={"image": b"x" * (settings.max_upload_bytes + 1)})
    assert answer.status_code == 413


async def test_a_headshot_needs_its_profile(client: httpx.AsyncClient, picture: bytes) -> None:
    answer = await client.put(f"{URL}/{uuid4()}/headshot", files={"image": picture})
    assert answer.status_code == 404


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
