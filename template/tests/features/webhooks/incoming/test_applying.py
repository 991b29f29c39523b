"""What messages ask for is done once, never after something newer, and never forgotten."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from unittest.mock import Mock
from uuid import uuid4

import pytest
from sqlalchemy import func, select, update

from app.core.database import Database
from app.core.engines import DatabaseUnavailable
from app.core.logging import configure_logging
from app.core.outbox import OutboxRow
from app.features.webhooks.incoming import actions, inbox, jobs
from app.features.webhooks.incoming.actions import Refused
from app.features.webhooks.incoming.inbox import Fate
from app.features.webhooks.incoming.inbox_commands import _line, serve
from app.features.webhooks.incoming.messages import Message
from app.features.webhooks.incoming.models import ReceivedWebhook, State
from app.settings import Settings
from tests.features.webhooks.conftest import Work
from tests.features.webhooks.incoming.conftest import Done
from tests.features.webhooks.incoming.sources import Files, content

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PICTURE = b"a picture"

Give = Callable[..., Awaitable[Fate]]


@pytest.fixture
def give(database: Database, settings: Settings) -> Give:
    """Let a message be received: its action, its minute after noon, and what else it says."""
    configure_logging("INFO", "json")  # without it, tracebacks take a second each
    jobs.configure(settings)

    async def given(action: str, minute: int, version: int | None = None, **data: object) -> Fate:
        said = content(action) | {"timestamp": (NOON + timedelta(minutes=minute)).isoformat()}
        said["data"] |= data
        said |= {} if version is None else {"version": version}
        typed = actions.contents()["test"].validate_python(said)
        message = Message(uuid4().hex, action, said)
        async with database.writes() as session:
            return await inbox.receive(session, "hr", "test", message, typed)

    return given


async def states(database: Database) -> list[str]:
    """Return the states of all messages, in the order of their arrival."""
    return [each.state for each in await inbox.find(database.reads, 50)][::-1]


async def details(database: Database) -> list[str | None]:
    return [each.detail for each in await inbox.find(database.reads, 50)][::-1]


async def due_again(database: Database) -> int:
    """Make what waits due; return how many jobs there are."""
    async with database.writes() as session:
        await session.execute(update(OutboxRow).values(due_at=datetime.now(UTC)))
        return (await session.execute(select(func.count()).select_from(OutboxRow))).scalar_one()


async def test_what_is_older_is_dropped_and_told(
    database: Database, give: Give, work: Work
) -> None:
    for minute in (5, 3, 7):
        await give("note", minute, text=str(minute))
        await work()
    assert [text for *_, text in Done.effects] == ["5", "7"]
    assert await states(database) == [State.APPLIED, State.STALE, State.APPLIED]
    assert (await details(database))[1] == "newer was applied already: 2026-01-01 12:05:00 UTC"


async def test_versions_go_before_times(database: Database, give: Give, work: Work) -> None:
    for version, minute in ((2, 1), (1, 9), (3, 0)):
        await give("note", minute, version, text=str(version))
        await work()
    assert [text for *_, text in Done.effects] == ["2", "3"]
    told = "newer was applied already: version 2 of 2026-01-01 12:01:00 UTC"
    assert (await details(database))[1] == told


async def test_a_late_update_does_not_revive_what_was_deleted(
    database: Database, give: Give, work: Work
) -> None:
    for action, minute in (("note", 1), ("remove", 5), ("note", 4), ("note", 5), ("note", 6)):
        await give(action, minute)
        await work()
    assert [action for action, *_ in Done.effects] == ["note", "remove", "note"]
    applied, stale = State.APPLIED, State.STALE
    assert await states(database) == [applied, applied, stale, stale, applied]
    assert (await details(database))[3] == "it was deleted since: 2026-01-01 12:05:00 UTC"


async def test_parts_and_subjects_do_not_outdate_each_other(
    database: Database, give: Give, work: Work, files: Files
) -> None:
    url = files.add("/picture.png", PICTURE)
    await give("note", 9)
    await give("note", 1, subject="s-2")
    await give("attach", 5, url=url)
    await work()
    assert await states(database) == [State.APPLIED] * 3
    assert ("attach", "s-1", PICTURE) in Done.effects


async def test_what_fails_is_tried_again_and_then_told(
    database: Database, give: Give, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Done, "failing", RuntimeError("away"))
    await give("note", 1)
    for _ in range(jobs.MOST_ATTEMPTS):
        assert await states(database) == [State.RECEIVED]
        assert await due_again(database) == 1
        await work()
    assert await due_again(database) == 0
    assert (await states(database), await details(database)) == (
        [State.FAILED],
        ["RuntimeError: away"],
    )


async def test_an_operator_lists_and_repeats_what_has_failed(
    database: Database,
    give: Give,
    work: Work,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await give("never", 1)
    await work()
    (found,) = await inbox.find(database.reads, 9, state=State.FAILED, source="hr")
    assert found.detail == "that is never done"

    async def command(action: str, **given: object) -> str:
        monkeypatch.setattr("app.features.webhooks.incoming.inbox_commands.Database", kept)
        defaults = {"state": None, "source": None, "limit": 9, "json": False}
        await serve(SimpleNamespace(action=action, **(defaults | given)), Settings())  # type: ignore[arg-type]
        return capsys.readouterr().out

    def kept(_: str) -> Database:
        monkeypatch.setattr(database, "close", nothing, raising=False)
        return database

    async def nothing() -> None:
        """Leave it open."""

    assert "never  s-1  that is never done\n1 webhooks" in await command("list")
    assert await command("repeat", id=found.id) == "will be tried again\n"
    assert json.loads(await command("list", json=True))[0]["state"] == "received"
    await work()
    assert await states(database) == [State.FAILED]
    with pytest.raises(SystemExit, match="is no webhook that has failed"):
        await command("repeat", id=uuid4())


async def test_what_others_have_written_is_one_line(
    database: Database, give: Give, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Done, "failing", Refused("it is\0not\nso"))
    await give("note", 1, subject="a\n\x1b[31mb")
    await work()
    (found,) = await inbox.find(database.reads, 9)
    assert _line(found).endswith("note  a  [31mb  it is not so")


async def test_a_database_that_is_away_is_told_in_one_sentence(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "find", Mock(side_effect=DatabaseUnavailable))
    asked = SimpleNamespace(action="list", state=None, source=None, limit=9, json=False)
    with pytest.raises(SystemExit, match="The database has refused"):
        await serve(asked, settings)  # type: ignore[arg-type]


async def test_a_message_that_is_repeated_while_it_waits_has_one_effect(
    database: Database, give: Give, work: Work
) -> None:
    await give("note", 1)
    (found,) = await inbox.find(database.reads, 9)
    async with database.writes() as session:
        await inbox.repeat(session, found.id)
    assert await work() == 2
    assert len(Done.effects) == 1
    async with database.writes() as session:
        with pytest.raises(inbox.NotRepeatable):
            await inbox.repeat(session, found.id)


async def test_only_what_may_still_be_needed_is_kept(
    database: Database, give: Give, work: Work
) -> None:
    for action in ("note", "never"):
        await give(action, 1)
        await work()
    kept = await database.reads.execute(
        select(ReceivedWebhook.action).where(ReceivedWebhook.content.is_not(None))
    )
    assert kept.scalars().all() == ["never"]
    assert await inbox.forget(database, timedelta(days=1)) == 0
    assert await inbox.forget(database, timedelta(0)) == 2


FILES: dict[str, tuple[str, str | None]] = {
    "/none": ("the file's server answers 404", None),
    "/page": ("the file is of type text/html", None),
    "/large": ("it is larger than 100 bytes", None),
    "/round": ("Exceeded maximum allowed redirects", None),
    "/inside": ("192.168.0.1, which is no address of the public internet", None),
    "/picture": ("the file is not the one whose SHA-256 was sent", "0" * 64),
}


async def test_a_file_that_is_not_as_announced_is_refused(
    database: Database, give: Give, work: Work, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBHOOKS_FETCH_MAX_BYTES", "100")
    files.add("/picture", PICTURE)
    files.add("/page", b"<p>", Content_Type="text/html; charset=utf-8")
    files.add("/large", b"x" * 101)
    files.add("/round", status=302, Location="/round")
    files.add("/inside", status=302, Location="http://192.168.0.1/picture")
    for path, (_, sha256) in FILES.items():
        await give("attach", 1, url=files.url + path, sha256=sha256)
    await work()
    assert await states(database) == [State.FAILED] * len(FILES)
    for told, (expected, _) in zip(await details(database), FILES.values(), strict=True):
        assert expected in str(told)
    assert Done.effects == []


async def test_a_file_is_fetched_through_redirects_when_its_server_can(
    database: Database, give: Give, work: Work, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBHOOKS_FETCH_TIMEOUT", "PT0.2S")
    files.add("/there", status=307, Location="/picture")
    files.add("/picture", status=503)
    files.add("/slow", PICTURE, Slow="yes")
    sha256 = hashlib.sha256(PICTURE).hexdigest()
    await give("attach", 1, url=files.url + "/there", sha256=sha256)
    await give("attach", 1, subject="s-2", url=files.url + "/slow")
    await work()
    assert await states(database) == [State.RECEIVED] * 2
    files.add("/picture", PICTURE)
    await due_again(database)
    await work()
    assert sorted(await states(database)) == [State.APPLIED, State.RECEIVED]
    assert Done.effects == [("attach", "s-1", PICTURE)]


async def test_a_file_of_a_stale_message_is_not_fetched(
    give: Give, work: Work, files: Files
) -> None:
    for minute in (5, 3):
        await give("attach", minute, url=files.add("/picture", PICTURE))
        await work()
    assert files.asked == ["/picture"]
