"""Text messages: what a provider says decides, and nobody is woken by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError
from sqlalchemy import select

from app.core.database import Database
from app.core.outbox import OutboxRow
from app.features.notifications import Sms, desk, segments, send_sms
from app.features.notifications.jobs import configure
from app.features.notifications.messages import NoMessage
from app.features.notifications.models import State
from app.features.notifications.quiet_hours import QuietHours
from app.features.notifications.settings import NotificationSettings
from app.settings import Settings
from tests.features.notifications.conftest import Provider, Work

TAIPEI = ZoneInfo("Asia/Taipei")
NUMBER = "+886912345678"
SNS_ANSWER = (
    '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>'
    "<MessageId>sns-1</MessageId></PublishResult></PublishResponse>"
)
SNS_ERROR = (
    '<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type>'
    "<Code>{}</Code><Message>so</Message></Error></ErrorResponse>"
)


async def sent(database: Database, *, urgent: bool = False) -> UUID:
    async with database.writes() as session:
        return await send_sms(session, Sms(NUMBER, "Your code is 123456", urgent))


async def state(database: Database, message: UUID) -> str:
    found = await desk.get(database.reads, message)
    assert found is not None
    return found.state


@pytest.mark.anyio
async def test_a_provider_gets_the_form_that_it_wants(
    database: Database, provider: Provider, work: Work
) -> None:
    message = await sent(database)
    await work()
    (request,) = provider.requests
    form = request.partition("\r\n\r\n")[2]
    assert parse_qs(form) == {"To": [NUMBER], "From": ["Shop"], "Body": ["Your code is 123456"]}
    found = await desk.get(database.reads, message)
    assert found is not None
    assert (found.state, found.provider_id) == (State.SENT, "SM1")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "becomes"),
    [
        ((200, "not JSON"), State.SENT),
        ((400, "no such number"), State.FAILED),
        ((429, "slow down"), State.QUEUED),
        ((503, "later"), State.QUEUED),
        ((500, "oh"), State.UNKNOWN),
        ((504, "oh"), State.UNKNOWN),
        ((401, "who?"), State.QUEUED),
        ((0, "hangs up"), State.UNKNOWN),
    ],
)
async def test_what_a_provider_answers_decides(
    answer: tuple[int, str], becomes: State, database: Database, provider: Provider, work: Work
) -> None:
    provider.answer = answer
    message = await sent(database)
    await work()
    assert await state(database, message) == becomes
    assert len(provider.requests) == 1


@pytest.mark.anyio
async def test_a_provider_says_how_long_to_wait(
    database: Database, provider: Provider, work: Work
) -> None:
    provider.answer, provider.headers = (429, ""), "Retry-After: 600\r\n"
    await sent(database)
    await work()
    due_at = (await database.reads.execute(select(OutboxRow.due_at))).scalar_one()
    assert due_at is not None
    assert timedelta(seconds=590) < due_at - datetime.now(UTC) < timedelta(seconds=610)


@pytest.fixture
def amazon(provider: Provider, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """The provider, asked as Amazon is."""
    monkeypatch.setenv("SMS_PROVIDER", "sns")
    configure(settings)
    return provider


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "becomes"),
    [
        ((200, SNS_ANSWER), State.SENT),
        ((400, SNS_ERROR.format("InvalidParameter")), State.FAILED),
        ((400, SNS_ERROR.format("Throttling")), State.QUEUED),
        ((403, SNS_ERROR.format("InvalidClientTokenId")), State.QUEUED),
        ((500, SNS_ERROR.format("InternalError")), State.UNKNOWN),
        ((0, "hangs up"), State.UNKNOWN),
    ],
)
async def test_amazons_answers_are_understood(
    answer: tuple[int, str], becomes: State, database: Database, amazon: Provider, work: Work
) -> None:
    amazon.answer = answer
    message = await sent(database)
    await work()
    assert await state(database, message) == becomes
    assert len(amazon.requests) == 1
    assert parse_qs(amazon.requests[0].partition("\r\n\r\n")[2])["PhoneNumber"] == [NUMBER]


@pytest.mark.anyio
@pytest.mark.usefixtures("provider")
async def test_quiet_hours_hold_what_is_not_urgent(
    database: Database,
    work: Work,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = datetime.now(UTC)
    soon = now + timedelta(hours=2)
    monkeypatch.setenv("QUIET_HOURS", f"{now - timedelta(hours=1):%H:%M}-{soon:%H:%M}")
    configure(settings)
    calm, urgent = await sent(database), await sent(database, urgent=True)
    await work()
    assert await state(database, calm) == State.QUEUED
    assert await state(database, urgent) == State.SENT
    due_at = (await database.reads.execute(select(OutboxRow.due_at))).scalar_one()
    assert due_at is not None
    assert abs(due_at - soon) < timedelta(minutes=2)


@pytest.mark.parametrize(
    ("hours", "now", "over_at"),
    [
        ("21:00-08:00", (2026, 3, 1, 20, 59), None),
        ("21:00-08:00", (2026, 3, 1, 21, 0), (2026, 3, 2, 8, 0)),
        ("21:00-08:00", (2026, 3, 2, 7, 59), (2026, 3, 2, 8, 0)),
        ("21:00-08:00", (2026, 3, 2, 8, 0), None),
        ("12:00-13:30", (2026, 3, 2, 12, 0), (2026, 3, 2, 13, 30)),
        ("12:00-13:30", (2026, 3, 2, 13, 30), None),
    ],
)
def test_quiet_hours_are_those_of_the_clock_on_the_wall(
    hours: str, now: tuple[int, ...], over_at: tuple[int, ...] | None
) -> None:
    ready = datetime(*now, tzinfo=TAIPEI)  # type: ignore[misc,arg-type]
    expected = datetime(*(over_at or now), tzinfo=TAIPEI)  # type: ignore[misc,arg-type]
    assert QuietHours.read(hours).over_at(ready, TAIPEI) == expected


@pytest.mark.parametrize("text", ["", "21-08", "24:00-08:00", "08:00-08:00", "21:00-08:60"])
def test_quiet_hours_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="quiet hours"):
        QuietHours.read(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 152 + "€" + "a" * 152, 3),
        ("字" * 70, 1),
        ("字" * 71, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("字" * 66 + "😀" + "字" * 66, 3),
    ],
)
def test_segments_are_counted_as_they_are_charged(text: str, number: int) -> None:
    assert segments.count(text) == number


@pytest.mark.anyio
@pytest.mark.parametrize(
    "sms",
    [
        Sms("", "text"),
        Sms("0912345678", "text"),
        Sms("+1", "text"),
        Sms("+886912345678" * 3, "text"),
        Sms(NUMBER, " "),
        Sms(NUMBER, "字" * 671),
    ],
)
async def test_what_cannot_be_sent_is_refused_when_it_is_asked_for(
    sms: Sms, database: Database
) -> None:
    async with database.writes() as session:
        with pytest.raises(NoMessage):
            await send_sms(session, sms)


@pytest.mark.anyio
async def test_a_number_is_one_however_it_is_written(database: Database) -> None:
    ways = (Sms("+886 912-345-678", "a"), Sms("0912 345 678", "a", region="TW"), Sms(NUMBER, "a"))
    async with database.writes() as session:
        found = {await send_sms(session, sms, key="code") for sms in ways}
    assert len(found) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"QUIET_HOURS": "night"},
        {"QUIET_HOURS_ZONE": "Mars"},
        {"SMS_PROVIDER": "http"},
        {"MAIL_FROM": "bad"},
    ],
)
def test_settings_that_cannot_be_are_refused(
    wrong: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError):
        NotificationSettings(_env_file=None)
