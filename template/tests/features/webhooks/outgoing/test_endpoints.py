"""Endpoints: their secrets change without a gap, and one that takes nothing is disabled."""

from __future__ import annotations

import asyncio
import json
from argparse import ArgumentParser
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from app.commands import webhooks as command
from app.core.database import Database
from app.core.engines import DatabaseUnavailable
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


async def test_rotated_again_all_sign_as_promised_and_without_overlap_the_new_one_alone(
    endpoint: Endpoint, receiver: Receiver, work: Work
) -> None:
    async def rotated(overlap: timedelta) -> Secret:
        async with endpoint.database.writes() as session:
            return await endpoints.rotate(session, endpoint.id, overlap)

    known = [endpoint.secret]
    known += [await rotated(timedelta(hours=each)) for each in (2, 1, 1, 1)]
    with pytest.raises(NoEndpoint, match="5 secrets of it sign until"):
        await rotated(timedelta(hours=1))
    assert (await endpoint.row())["former_until"] - datetime.now(UTC) > timedelta(minutes=119)
    await endpoint.publish()
    await work()
    assert [signs(each, receiver.received[0]) for each in known] == [True] * 5
    new = await rotated(timedelta(0))
    await endpoint.publish()
    await work()
    assert [signs(each, receiver.received[1]) for each in (*known, new)] == [False] * 5 + [True]


async def test_what_an_operator_changes_holds_from_the_next_delivery_on(
    endpoint: Endpoint, receiver: Receiver, work: Work
) -> None:
    await endpoint.publish(12)
    receiver.answers = [answer(500)] * 5
    receiver.gate.clear()
    working = asyncio.ensure_future(work())
    await receiver.until_waiting(5)
    async with endpoint.database.writes() as session:
        await endpoints.disable(session, endpoint.id, "as a test")
    receiver.gate.set()
    await working
    assert len(receiver.received) == 5
    row = await endpoint.row()
    assert (row["disabled_why"], row["failing_since"]) == ("as a test", None)
    async with endpoint.database.writes() as session:
        await endpoints.enable(session, endpoint.id)
    receiver.gate.clear()
    working = asyncio.ensure_future(work())
    await receiver.until_waiting(5)
    async with endpoint.database.writes() as session:
        new = await endpoints.rotate(session, endpoint.id, timedelta(0))
    receiver.gate.set()
    await working
    assert [signs(new, each) for each in receiver.received[5:]] == [False] * 5 + [True] * 2


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


def refusing(error: Exception) -> Callable[..., Awaitable[None]]:
    async def refuse(*_: object) -> None:
        raise error

    return refuse


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
    url = "http://127.0.0.1:1/"
    endpoint, secret = (await run("endpoints", "add", f"{url}?token=swordfish", "a.*")).split()
    assert (await run("endpoints", "rotate", endpoint)).strip() != secret
    told = await run("endpoints", "disable", endpoint, "--reason", "as a test")
    assert told == "disabled: what is queued waits until it is enabled\n"
    shown = await run("endpoints", "list")
    assert f"{endpoint}  disabled" in shown
    assert f": as a test  a.*  {url}?..." in shown
    await run("endpoints", "enable", endpoint)
    (listed,) = json.loads(await run("endpoints", "list", "--json"))
    assert (listed["disabled_at"], listed["url"]) == (None, f"{url}?...")
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
    await run("endpoints", "disable", delivery["endpoint_id"])
    assert f"{delivery['id']}  " in await run("deliveries", "list")
    assert await run("deliveries", "list", "--until", "2026-01-01T00:00") == "0 deliveries\n"
    told = await run("deliveries", "replay", delivery["id"])
    assert told.startswith(f"1 will be sent again\nbut to {delivery['endpoint_id']}, which is dis")
    await run("endpoints", "enable", delivery["endpoint_id"])
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


NONE = ("00000000-0000-0000-0000-000000000000",)


@pytest.mark.parametrize(
    "words",
    [
        *(("deliveries", "list", "--limit", each) for each in ("-1", "0", "9" * 20, "9" * 5000)),
        ("received", "list", "--limit", "-5"),
        ("received", "list", "--source", "\udcff"),
        ("deliveries", "list", "--type", "\udcff"),
        ("deliveries", "replay", "--since", "0001-01-01T00:00+14:00"),
        ("deliveries", "list", "--until", "9999-12-31T23:59-14:00"),
        ("deliveries", "list", "--until", "yesterday"),
        ("endpoints", "disable", *NONE, "--reason", "a\nb"),
        ("endpoints", "add", "https://example.com/\udcff", "a"),
    ],
)
async def test_what_no_database_takes_is_no_argument(
    words: tuple[str, ...], run: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        await run(*words)
    assert ": error: argument " in capsys.readouterr().err


async def test_what_sealing_and_the_database_refuse_is_one_sentence(
    run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, _ = (await run("endpoints", "add", "http://127.0.0.1:1/", "a.*")).split()
    monkeypatch.setattr(endpoints, "seal", refusing(ValueError("There is no key")))
    with pytest.raises(SystemExit, match="There is no key"):
        await run("endpoints", "rotate", endpoint)
    monkeypatch.setattr(endpoints, "find", refusing(DatabaseUnavailable("gone")))
    with pytest.raises(SystemExit, match="The database has refused: DatabaseUnavailable"):
        await run("endpoints", "list")
