"""Profiles follow another system by its webhooks."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import pytest

from app.features.webhooks.signatures import Secret, sign
from app.settings import Settings
from tests.features.webhooks.incoming.sources import Files, Issuer, serving
from tests.modules.profiles import URL, draft

pytestmark = pytest.mark.anyio

SECRET = Secret.new()


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of an api that a staff register sends webhooks to."""
    source = {"kind": "standard", "secrets": [SECRET.written()]}
    monkeypatch.setenv("WEBHOOKS_SOURCES", json.dumps({"register": source}))
    monkeypatch.setenv("WEBHOOKS_ALLOWED_HOSTS", "127.0.0.1")
    return settings


async def tell(client: httpx.AsyncClient, action: str, version: int, **data: object) -> None:
    now = datetime.now(UTC)
    said = {"action": action, "timestamp": now.isoformat(), "version": version, "data": data}
    body = json.dumps(said).encode()
    headers = dict(sign([SECRET], uuid4().hex, now, body))
    answer = await client.post("/webhooks/register", content=body, headers=headers)
    assert (answer.status_code, answer.json()["data"]["state"]) == (202, "accepted")


async def profiles(client: httpx.AsyncClient, number: int, **expected: str) -> None:
    """Wait until there are so many profiles, and the first is as expected."""
    async with asyncio.timeout(20):
        while True:
            items = (await client.get(URL)).json()["data"]["items"]
            found = items[0] if items else {}
            if len(items) == number and found | expected == found:
                return
            await asyncio.sleep(0.02)


async def test_a_profile_is_made_changed_and_deleted(client: httpx.AsyncClient) -> None:
    await tell(client, "update", 1, **draft())
    await profiles(client, 1, full_name="Ada Lovelace")
    await tell(client, "update", 2, **draft(department="Analytics"))
    await profiles(client, 1, department="Analytics")
    await tell(client, "delete", 3, employee_number="E-001")
    await profiles(client, 0)


async def test_a_headshot_is_imported(client: httpx.AsyncClient, picture: bytes) -> None:
    files = Files()
    with serving(Issuer(), files):
        url = files.add("/ada.png", picture)
        await tell(client, "update", 1, **draft())
        await profiles(client, 1)
        await tell(client, "import_headshot", 1, employee_number="E-001", url=url)
        await profiles(client, 1, headshot="ready")
