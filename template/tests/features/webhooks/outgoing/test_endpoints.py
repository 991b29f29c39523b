"""Endpoints: their secrets change without a gap, and one that takes nothing is disabled."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from app.commands import webhooks as command
from app.core.database import Database
from app.features import webhooks
from app.features.webhooks import signatures
from app.features.webhooks.outgoing import desk_commands, endpoints
from app.features.webhooks.outgoing.endpoints import NoEndpoint
from app.features.webhooks.outgoing.models import ENDPOINTS, State
from app.features.webhooks.public_addresses import NotPublic
from app.features.webhooks.signatures import BadSignature, Secret
from app.settings import Settings
from tests.features.webhooks.conftest import Work
from tests.features.webhooks.outgoing.conftest import Added, Endpoint, let_pass
from tests.features.webhooks.receiver import Received, Receiver, answer

pytestmark = pytest.mark.anyio


def signs(secret: Secret, received: Received) -> bool:
    window, now = timedelta(minutes=5), datetime.now(UTC)
    try:
        signatures.verify([secret], received.headers, received.body, now=now, window=window)
    except BadSignature:
        return False
    return True


async def test_while_a_secret_is_replaced_both_sign(
    endpoint: Endpoint, receiver: Receiver, work: Work
) -> None:
    async with endpoint.database.writes() as session:
        new = await endpoints.rotate(session, endpoint.id, timedelta(hours=1))
    await endpoint.publish()
    await work()
    assert signs(endpoint.secret, receiver.received[0])
    assert signs(new, receiver.received[0])
    async with endpoint.database.writes() as session:
        await session.execute(update(ENDPOINTS).values(former_until=datetime.now(UTC)))
    await endpoint.publish()
    await work()
    assert not signs(endpoint.secret, receiver.received[1])
    assert signs(new, receiver.received[1])


async def test_one_that_is_gone_is_disabled_at_once_and_others_are_told(
    added: Added, endpoint: Endpoint, receiver: Receiver, work: Work
) -> None:
    watcher = await added(receiver.url, "webhook.*")
    receiver.answers = [answer(410)]
    await endpoint.publish()
    await work()
    assert (await endpoint.row())["disabled_why"] == "it answers 410 Gone"
    await work()
    told = json.loads(receiver.received[-1].body)
    assert told["type"] == "webhook.endpoint_disabled"
    assert told["data"] == {"endpoint_id": str(endpoint.id), "reason": "it answers 410 Gone"}
    assert (await watcher.delivery()).state == State.DELIVERED
    # What is published meanwhile is not for it; what had been is sent when it is back.
    await endpoint.publish()
    async with endpoint.database.writes() as session:
        await endpoints.enable(session, endpoint.id)
    await let_pass(endpoint.database)
    await work()
    assert (await endpoint.delivery()).state == State.DELIVERED


async def test_one_that_takes_nothing_for_days_is_disabled(
    endpoint: Endpoint, receiver: Receiver, work: Work
) -> None:
    receiver.usual = answer(500)
    await endpoint.publish()
    for _ in range(3):
        assert (await endpoint.row())["disabled_at"] is None
        await work()
        await let_pass(endpoint.database)
    await work()
    assert "has taken nothing since" in (await endpoint.row())["disabled_why"]
    assert await work() == 0


async def test_what_cannot_be_an_endpoint_is_refused(database: Database) -> None:
    async with database.writes() as session:
        for url in ("ftp://example.com/", "https://a:b@example.com/"):
            with pytest.raises(NotPublic):
                await endpoints.add(session, url, ["a"])
        for url, types in (("https://example.com/" + "x" * 2000, "a"), ("https://a.example/", "A")):
            with pytest.raises(NoEndpoint):
                await endpoints.add(session, url, [types])


Command = Callable[..., Awaitable[str]]


@pytest.fixture
def run(
    committing: Database,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Command:
    """What a command of an operator prints."""
    assert committing
    monkeypatch.setenv("WEBHOOKS_ALLOWED_HOSTS", "127.0.0.1")

    async def printed(*words: str) -> str:
        parser = ArgumentParser()
        command.declare(parser)
        await desk_commands.serve(parser.parse_args(words), settings)
        return capsys.readouterr().out

    return printed


async def test_an_operator_looks_after_endpoints(run: Command) -> None:
    endpoint, secret = (await run("endpoints", "add", "http://127.0.0.1:1/", "a.*")).split()
    assert (await run("endpoints", "rotate", endpoint)).strip() != secret
    assert "disabled:" in await run("endpoints", "disable", endpoint, "--reason", "as a test")
    shown = await run("endpoints", "list")
    assert f"{endpoint}  disabled" in shown
    assert ": as a test  a.*  http://127.0.0.1:1/" in shown
    await run("endpoints", "enable", endpoint)
    (listed,) = json.loads(await run("endpoints", "list", "--json"))
    assert listed["disabled_at"] is None
    assert not {name for name in listed if "secret" in name or "job" in name}
    assert "removed" in await run("endpoints", "remove", endpoint)
    assert await run("endpoints", "list") == "0 endpoints\n"


async def test_an_operator_sees_deliveries_and_has_them_sent_again(
    run: Command, committing: Database
) -> None:
    await run("endpoints", "add", "http://127.0.0.1:1/", "a")
    async with committing.writes() as session:
        await webhooks.publish(session, "a", {})
    (delivery,) = json.loads(await run("deliveries", "list", "--json", "--state", "queued"))
    assert f"{delivery['id']}  " in await run("deliveries", "list")
    assert await run("deliveries", "list", "--until", "2026-01-01T00:00") == "0 deliveries\n"
    assert await run("deliveries", "replay", delivery["id"]) == "1 will be sent again\n"
    since = ("--since", "2026-01-01T00:00+08:00")
    assert await run("deliveries", "replay", *since) == "1 will be sent again\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("endpoints", "add", "https://10.0.0.1/", "a"), "no address of the public internet"),
        (("endpoints", "add", "https://x:y@example.com/", "a"), "a username or a password"),
        (("endpoints", "add", "http://127.0.0.1/", "A b"), "is neither a type"),
        (("endpoints", "rotate", "00000000-0000-0000-0000-000000000000"), "no endpoint has"),
        (("deliveries", "replay"), "Say which"),
        (("deliveries", "replay", "--state", "failed"), "Say which"),
        (("deliveries", "replay", "--since", "2026-01-01"), "There is no such delivery"),
    ],
)
async def test_an_operator_is_told_what_cannot_be_done(
    words: tuple[str, ...], told: str, run: Command
) -> None:
    with pytest.raises(SystemExit, match=told):
        await run(*words)
