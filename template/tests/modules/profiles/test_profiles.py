"""Profiles over HTTP."""

from __future__ import annotations

import asyncio
from io import BytesIO

import httpx
import pytest
from PIL import Image
from sqlalchemy import Table

from app.modules.profiles import images, service
from app.modules.profiles.images import THUMBNAIL_SIZE, NotAnImage
from app.modules.profiles.models import Profile
from app.modules.profiles.schemas import ProfileQuery
from app.settings import Settings
from tests.modules.profiles import URL, draft


async def create(client: httpx.AsyncClient, number: int = 1) -> str:
    answer = await client.post(URL, json=draft(number))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["id"])


async def upload(client: httpx.AsyncClient, path: str, picture: bytes) -> bytes:
    """Upload a picture, and return the thumbnail that the job makes of it."""
    answer = await client.put(f"{path}/headshot", files={"image": picture})
    assert (answer.status_code, answer.json()["data"]["headshot"]) == (202, "processing")
    async with asyncio.timeout(60):
        # As clients do.
        while (await client.get(path)).json()["data"]["headshot"] != "ready":  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    thumbnail = await client.get(f"{path}/headshot")
    assert thumbnail.headers["content-type"] == "image/webp"
    return thumbnail.content


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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sort", "email"),
        ("sort", "--created_at"),
        ("q", ""),
        ("q", "ada\0"),
        ("department", "R\nD"),
        ("department", "x" * 101),
    ],
)
async def test_what_cannot_be_asked_for_is_refused(
    client: httpx.AsyncClient, name: str, value: str
) -> None:
    assert (await client.get(URL, params={name: value})).status_code == 422


async def test_a_headshot_becomes_a_square_thumbnail_and_the_next_replaces_it(
    client: httpx.AsyncClient, picture: bytes
) -> None:
    path = f"{URL}/{await create(client)}"
    assert (await client.get(f"{path}/headshot")).status_code == 404
    first = await upload(client, path, picture)
    assert Image.open(BytesIO(first)).size == THUMBNAIL_SIZE
    target = BytesIO()
    Image.new("RGB", (300, 300), "crimson").save(target, "JPEG")
    assert await upload(client, path, target.getvalue()) != first


async def test_a_picture_that_cannot_be_decoded_is_told_as_failed(
    client: httpx.AsyncClient, picture: bytes
) -> None:
    path = f"{URL}/{await create(client)}"
    half = picture[: len(picture) // 2]
    assert (await client.put(f"{path}/headshot", files={"image": half})).status_code == 202
    async with asyncio.timeout(60):
        while (await client.get(path)).json()["data"]["headshot"] != "failed":  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    answer = await client.get(f"{path}/headshot")
    assert (answer.status_code, "cannot be decoded" in answer.json()["detail"]) == (404, True)
    await upload(client, path, picture)


async def test_others_are_served_while_a_picture_is_looked_at(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = asyncio.Event()

    def look(_: bytes) -> str:
        asyncio.run_coroutine_threadsafe(others.wait(), loop).result(60)
        raise NotAnImage("nothing to see")

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(images, "media_type", look)
    path = f"{URL}/{await create(client)}"
    uploading = asyncio.create_task(client.put(f"{path}/headshot", files={"image": b""}))
    assert (await client.get(path)).status_code == 200
    others.set()
    assert (await uploading).status_code == 422


async def test_a_headshot_goes_with_its_profile(client: httpx.AsyncClient, picture: bytes) -> None:
    path = f"{URL}/{await create(client)}"
    await client.put(f"{path}/headshot", files={"image": picture})
    assert (await client.delete(path, headers={"If-Match": "*"})).status_code == 204
    assert (await client.get(f"{path}/headshot")).status_code == 404
    again = await client.put(f"{path}/headshot", files={"image": picture})
    assert again.status_code == 404


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
