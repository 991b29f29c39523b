"""Providers say what became of messages; strangers do not."""

from __future__ import annotations

from uuid import UUID

import httpx
import pytest

from app.core.database import Database
from app.features.notifications import Sms, desk, send_sms
from app.features.notifications.models import State
from tests.features.notifications.conftest import Provider, Work

pytestmark = pytest.mark.anyio

TOKEN = "a-token-of-the-provider"
PATH = "/notifications/callbacks/sms"


@pytest.fixture
async def message(
    database: Database, provider: Provider, work: Work, monkeypatch: pytest.MonkeyPatch
) -> UUID:
    """A text message that `provider` has taken, as SM1."""
    monkeypatch.setenv("NOTIFICATIONS_CALLBACK_TOKEN", TOKEN)
    assert provider.answer[0] == 201
    async with database.writes() as session:
        message = await send_sms(session, Sms("+886912345678", "Hello"))
    await work()
    return message


async def call(client: httpx.AsyncClient, event: str, token: str = TOKEN) -> httpx.Response:
    body = {"provider_id": "SM1", "event": event, "detail": "so it is"}
    return await client.post(PATH, json=body, headers={"X-Callback-Token": token})


async def state(database: Database, message: UUID) -> str:
    found = await desk.get(database.reads, message)
    assert found is not None
    return found.state


async def test_what_became_of_a_message_is_noted_once(
    client: httpx.AsyncClient, database: Database, message: UUID
) -> None:
    answers = [(await call(client, "delivered")).json()["data"]["changed"] for _ in range(2)]
    assert (answers, await state(database, message)) == ([True, False], State.DELIVERED)


async def test_a_failure_is_no_longer_a_delivery(
    client: httpx.AsyncClient, database: Database, message: UUID
) -> None:
    for event in ("delivered", "failed", "delivered"):
        assert (await call(client, event)).status_code == 200
    assert await state(database, message) == State.FAILED
    assert list(await desk.suppressions(database.reads)) == []


@pytest.mark.parametrize("event", ["bounced", "complained"])
async def test_who_bounces_or_complains_gets_nothing_more(
    event: str, client: httpx.AsyncClient, database: Database, message: UUID
) -> None:
    await call(client, event)
    await call(client, event)
    assert await state(database, message) == State.FAILED
    (found,) = await desk.suppressions(database.reads)
    assert (found.channel, found.recipient) == ("sms", "+886912345678")


@pytest.mark.usefixtures("message")
async def test_strangers_find_nothing(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await call(client, "delivered", token="")).status_code == 404
    assert (await call(client, "delivered", token="a-token-of-nobody-at-all")).status_code == 404
    monkeypatch.delenv("NOTIFICATIONS_CALLBACK_TOKEN")
    assert (await call(client, "delivered", token="")).status_code == 404


@pytest.mark.usefixtures("message")
async def test_what_cannot_be_understood_is_a_problem(client: httpx.AsyncClient) -> None:
    headers = {"X-Callback-Token": TOKEN}
    unknown = {"provider_id": "SM2", "event": "delivered"}
    assert (await client.post(PATH, json=unknown, headers=headers)).status_code == 404
    for body in ({}, {"provider_id": "", "event": "delivered"}, {"provider_id": "a", "event": "b"}):
        assert (await client.post(PATH, json=body, headers=headers)).status_code == 422
    path = "/notifications/callbacks/pigeon"
    assert (await client.post(path, json=unknown, headers=headers)).status_code == 422


@pytest.mark.usefixtures("message")
async def test_no_document_shows_where_providers_call(client: httpx.AsyncClient) -> None:
    assert "callbacks" not in (await client.get("/openapi.json")).text
