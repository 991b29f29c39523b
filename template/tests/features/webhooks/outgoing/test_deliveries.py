"""What is published arrives, signed; and who does not take it holds up nobody."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select, update

from app.core import jobs, outbox
from app.core.database import Database
from app.core.outbox import Job, OutboxRow
from app.features import webhooks
from app.features.webhooks import signatures
from app.features.webhooks.outgoing import NoEvent, deliveries, desk
from app.features.webhooks.outgoing.desk import Wanted
from app.features.webhooks.outgoing.models import DELIVERIES, ENDPOINTS, EVENTS, State
from tests.claiming import LEASE
from tests.claiming import claimed as claim_all
from tests.claiming import work as work_all
from tests.features.webhooks.conftest import Work
from tests.features.webhooks.outgoing.conftest import Added, Endpoint, let_pass
from tests.features.webhooks.receiver import Receiver, answer, receiving

pytestmark = pytest.mark.anyio

MINUTES = timedelta(minutes=5)


async def waiting_jobs(database: Database) -> int:
    return (await database.reads.execute(select(func.count(OutboxRow.id)))).scalar_one()


async def test_what_is_published_arrives_signed(
    endpoint: Endpoint, receiver: Receiver, work: Work, caplog: pytest.LogCaptureFixture
) -> None:
    await endpoint.publish()
    with caplog.at_level(logging.INFO):
        assert await work() == 1
    assert receiver.url not in caplog.text
    (received,) = receiver.received
    delivery = await endpoint.delivery()
    now = datetime.now(UTC)
    sender = signatures.verify(
        [endpoint.secret], received.headers, received.body, now=now, window=MINUTES
    )
    assert sender == str(delivery.id)
    event = json.loads(received.body)
    assert (event["type"], event["data"]) == ("profile.updated", {"number": 0})
    assert now - datetime.fromisoformat(event["timestamp"]) < MINUTES
    assert received.headers["content-type"] == "application/json"
    assert (delivery.state, delivery.status, delivery.attempts) == (State.DELIVERED, 204, 1)
    assert await work() == 0


async def test_nothing_is_sent_that_was_not_committed(
    endpoint: Endpoint, receiver: Receiver, work: Work
) -> None:
    with suppress(ZeroDivisionError):
        async with endpoint.database.writes() as session:
            await webhooks.publish(session, "profile.updated", {})
            raise ZeroDivisionError
    assert await work() == 0
    assert not receiver.received


async def test_only_those_are_told_who_want_to_know(
    database: Database, added: Added, receiver: Receiver
) -> None:
    exact = await added(receiver.url, "profile.updated")
    family = await added(receiver.url, "profile.*", "order.paid")
    everything = await added(receiver.url, "*")
    await exact.publish(event_type="profile.updated")
    await exact.publish(event_type="profile.photo.updated")
    await exact.publish(event_type="profiles.updated")
    told = [len(await each.deliveries()) for each in (exact, family, everything)]
    assert told == [1, 2, 3]
    async with database.writes() as session:
        assert await webhooks.publish(session, "webhook.endpoint_disabled", {}) is None


async def test_an_event_of_a_key_is_told_once(endpoint: Endpoint) -> None:
    async with endpoint.database.writes() as session:
        first = await webhooks.publish(session, "profile.updated", {}, key="7:3")
        assert await webhooks.publish(session, "profile.updated", {}, key="7:3") == first
        assert await webhooks.publish(session, "profile.created", {}, key="7:3") != first
    assert len(await endpoint.deliveries()) == 2


async def test_what_a_savepoint_takes_back_has_asked_for_nothing(
    endpoint: Endpoint, work: Work
) -> None:
    async with endpoint.database.writes() as session:
        with suppress(ZeroDivisionError):
            async with session.begin_nested():
                await webhooks.publish(session, "profile.updated", {})
                raise ZeroDivisionError
        for _ in range(2):
            await webhooks.publish(session, "profile.updated", {})
    assert await work() == 1
    assert [each.state for each in await endpoint.deliveries()] == [State.DELIVERED] * 2


@pytest.mark.parametrize(
    ("event_type", "data"), [("Profile updated", {}), ("a..b", {}), ("a", {"long": "x" * 70_000})]
)
async def test_what_cannot_be_an_event_is_refused(
    event_type: str, data: dict[str, object], database: Database
) -> None:
    async with database.writes() as session:
        with pytest.raises(NoEvent):
            await webhooks.publish(session, event_type, data)


@pytest.mark.parametrize("bad", [answer(500), answer(400), answer(302, "Location: /there"), ""])
async def test_what_is_not_taken_is_sent_again_under_the_same_id(
    bad: str, endpoint: Endpoint, receiver: Receiver, work: Work
) -> None:
    receiver.answers = [bad]
    await endpoint.publish()
    await work()
    delivery = await endpoint.delivery()
    wait = delivery.due_at - datetime.now(UTC)
    assert (delivery.state, delivery.attempts) == (State.QUEUED, 1)
    assert timedelta(seconds=3) < wait < timedelta(seconds=6)
    assert await work() == 0
    await let_pass(endpoint.database)
    assert await work() == 1
    first, second = receiver.received
    assert first.headers[signatures.ID] == second.headers[signatures.ID]
    assert first.body == second.body
    assert (await endpoint.delivery()).state == State.DELIVERED
    assert await waiting_jobs(endpoint.database) == 0


async def test_after_ten_attempts_it_has_failed(
    endpoint: Endpoint, receiver: Receiver, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBHOOKS_DISABLE_AFTER", "P90D")
    receiver.usual = answer(400, body="no\x00thing \U0001f600")
    await endpoint.publish()
    for _ in range(12):
        await work()
        await let_pass(endpoint.database)
    delivery = await endpoint.delivery()
    assert (delivery.state, delivery.attempts, delivery.status) == (State.FAILED, 10, 400)
    assert delivery.detail is not None
    assert delivery.detail.startswith("no thing")
    assert len(receiver.received) == 10
    assert await waiting_jobs(endpoint.database) == 0


async def test_a_receiver_says_how_long_to_wait(
    endpoint: Endpoint, receiver: Receiver, work: Work
) -> None:
    receiver.answers = [answer(429, "Retry-After: 3600")]
    await endpoint.publish()
    await work()
    assert (await endpoint.delivery()).due_at - datetime.now(UTC) > timedelta(minutes=59)
    # What is published meanwhile waits as well, by the one job that waits already.
    await endpoint.publish(3)
    await work()
    assert len(receiver.received) == 1
    assert await waiting_jobs(endpoint.database) == 1
    await let_pass(endpoint.database)
    await work()
    assert {each.state for each in await endpoint.deliveries()} == {State.DELIVERED}


async def test_who_is_away_is_asked_by_one_delivery_at_a_time(
    endpoint: Endpoint, receiver: Receiver, work: Work
) -> None:
    receiver.usual = answer(503)
    await endpoint.publish(20)
    await work()
    asked = len(receiver.received)
    assert asked == 5
    for _ in range(3):
        await let_pass(endpoint.database, timedelta(minutes=10))
        await work()
    assert len(receiver.received) == asked + 3
    receiver.usual = answer(200)
    await let_pass(endpoint.database)
    await work()
    assert {each.state for each in await endpoint.deliveries()} == {State.DELIVERED}
    assert (await endpoint.row())["failing_since"] is None


async def test_one_that_is_refused_does_not_hold_up_the_others(
    endpoint: Endpoint, receiver: Receiver, work: Work
) -> None:
    receiver.answers = [answer(400)]
    await endpoint.publish(12)
    await work()
    states = sorted(each.state for each in await endpoint.deliveries())
    assert states == [State.DELIVERED] * 11 + [State.QUEUED]


async def test_one_that_stalls_does_not_hold_up_another(
    endpoint: Endpoint, receiver: Receiver, added: Added, work: Work
) -> None:
    receiver.gate.clear()
    await endpoint.publish(20)
    stalled = asyncio.ensure_future(work())
    await receiver.until_waiting(5)
    async with receiving() as quick:
        other = await added(quick.url, "order.paid")
        await other.publish(event_type="order.paid")
        await work()
        assert (await other.delivery()).state == State.DELIVERED
    assert receiver.most_waiting == 5
    receiver.gate.set()
    await stalled
    assert {each.state for each in await endpoint.deliveries()} == {State.DELIVERED}


@pytest.mark.parametrize(("outages", "places"), [(0, 4), (1, 2)])
async def test_those_that_stall_leave_places_to_others(
    outages: int, places: int, added: Added, receiver: Receiver, work: Work
) -> None:
    receiver.gate.clear()
    bad = [await added(receiver.url, "bad.*") for _ in range(6)]
    database = bad[0].database
    async with database.writes() as session:
        await session.execute(update(ENDPOINTS).values(outages=outages))
    await bad[0].publish(event_type="bad.one")
    async with receiving() as quick:
        good = await added(quick.url, "good.*")
        await good.publish(event_type="good.one")
        stalled = [asyncio.ensure_future(work_one(database)) for _ in range(places)]
        await receiver.until_waiting(places)
        # Of eight places: two for those that were away the last time, and four for all.
        await work()
        assert len(receiver.received) == places
        assert len(quick.received) == outages
        receiver.gate.set()
        await asyncio.gather(*stalled)
        await let_pass(database, timedelta(minutes=1))
        await work()
        assert (await good.delivery()).state == State.DELIVERED
    assert [(await each.delivery()).state for each in bad] == [State.DELIVERED] * 6
    assert await waiting_jobs(database) == 0


async def work_one(database: Database) -> None:
    assert await work_all(database, most=1) == 1


async def test_a_name_that_turns_private_gets_nothing(added: Added, work: Work) -> None:
    endpoint = await added("https://localhost:1/")
    await endpoint.publish()
    await work()
    delivery = await endpoint.delivery()
    assert (delivery.status, delivery.state) == (None, State.QUEUED)
    assert str(delivery.detail).startswith("NotPublic: localhost is ")


async def test_a_redirect_to_a_private_address_is_not_followed(
    endpoint: Endpoint, receiver: Receiver, work: Work
) -> None:
    receiver.answers = [answer(307, "Location: http://169.254.169.254/latest")]
    await endpoint.publish()
    await work()
    assert (await endpoint.delivery()).status == 307


async def claimed(endpoint: Endpoint) -> Job:
    """The endpoint's job, as somebody has begun it who does not go on."""
    (job,) = await claim_all(endpoint.database)
    async with endpoint.database.writes() as session:
        until = datetime.now(UTC) + LEASE
        assert await deliveries.claim(session, endpoint.id, job, until)
    return job


async def test_an_endpoint_has_one_job_at_a_time_which_sees_what_others_came_for(
    endpoint: Endpoint, receiver: Receiver, work: Work
) -> None:
    await endpoint.publish()
    job = await claimed(endpoint)
    await endpoint.publish()
    assert await work() == 1
    assert not receiver.received
    async with endpoint.database.writes() as session:
        await outbox.finish(session, job)
        await deliveries.release(session, endpoint.id, job)
    assert await work() == 1
    assert len(receiver.received) == 2


async def test_a_job_that_was_killed_begins_again(
    endpoint: Endpoint, receiver: Receiver, work: Work
) -> None:
    await endpoint.publish(3)
    job = await claimed(endpoint)
    await jobs.run(endpoint.database, job)
    assert len(receiver.received) == 3
    # One that is gone for good is not waited for longer than it may take.
    await endpoint.publish()
    await claimed(endpoint)
    async with endpoint.database.writes() as session:
        await session.execute(update(OutboxRow).values(due_at=None))
        gone = datetime.now(UTC) - LEASE
        await session.execute(update(ENDPOINTS).values(job_until=gone))
    await endpoint.publish()
    await work()
    assert len(receiver.received) == 5


async def test_one_that_was_killed_at_its_end_leaves_the_endpoint_to_others(
    endpoint: Endpoint, receiver: Receiver, work: Work
) -> None:
    await endpoint.publish()
    job = await claimed(endpoint)
    async with endpoint.database.writes() as session:
        await session.execute(update(DELIVERIES).values(state=State.DELIVERED))
    await jobs.run(endpoint.database, job)
    await endpoint.publish()
    await work()
    assert len(receiver.received) == 1


async def test_replayed_are_one_or_those_of_a_time(
    endpoint: Endpoint, receiver: Receiver, work: Work
) -> None:
    await endpoint.publish(3)
    await work()
    one = (await endpoint.deliveries())[0]

    async def replayed(wanted: Wanted) -> int:
        async with endpoint.database.writes() as session:
            number = await desk.replay(session, wanted)
        await work()
        return number

    now = datetime.now(UTC)
    assert await replayed(Wanted(id=one.id)) == 1
    assert receiver.received[-1].headers[signatures.ID] == str(one.id)
    assert await replayed(Wanted(since=now - MINUTES, until=now, state=State.DELIVERED)) == 3
    assert await replayed(Wanted(since=now)) == 0
    assert await replayed(Wanted(type="profile.created")) == 0
    assert await replayed(Wanted(endpoint_id=uuid4())) == 0
    assert len(receiver.received) == 7
    assert (await endpoint.deliveries())[0].attempts == 3


async def test_one_that_is_asked_for_again_while_it_is_on_its_way_is_sent_again(
    endpoint: Endpoint, receiver: Receiver, work: Work
) -> None:
    await endpoint.publish()
    receiver.gate.clear()
    working = asyncio.ensure_future(work())
    await receiver.reached.wait()
    async with endpoint.database.writes() as session:
        assert await desk.replay(session, Wanted(endpoint_id=endpoint.id)) == 1
    receiver.gate.set()
    await working
    delivery = await endpoint.delivery()
    assert (delivery.state, delivery.attempts) == (State.DELIVERED, 2)
    assert len(receiver.received) == 2


async def test_the_log_is_kept_for_its_time_and_what_waits_for_longer(
    database: Database, endpoint: Endpoint, receiver: Receiver, work: Work
) -> None:
    receiver.answers = [answer(400)]
    await endpoint.publish(2)
    await work()
    long_ago = datetime.now(UTC) - timedelta(days=31)
    async with database.writes() as session:
        await session.execute(update(EVENTS).values(created_at=long_ago))
    await endpoint.publish()
    keep = timedelta(days=30)
    assert await deliveries.prune_log(database, keep) == 1
    left = sorted(each.state for each in await endpoint.deliveries())
    assert left == [State.QUEUED, State.QUEUED]
    async with database.writes() as session:
        await session.execute(update(ENDPOINTS).values(disabled_at=long_ago))
    assert await deliveries.prune_log(database, keep) == 1
    assert len(await endpoint.deliveries()) == 1
