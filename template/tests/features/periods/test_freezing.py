"""Whoever writes, and however: what is closed stays as it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError

from app.core.database import Database, WriteSession
from app.features.periods import PeriodClosed, closing, triggers
from app.features.periods.closing import Actor, PeriodsError
from app.features.periods.declared import frozen
from app.features.periods.models import PERIODS
from app.features.periods.states import Period, State
from app.modules.profiles.models import Profile
from app.settings import ROOT, Settings
from tests.conftest import connect, serve
from tests.features.periods.conftest import ADA, PROFILES, Desk, add, ids, number, row

Find = Callable[[], Awaitable[Period]]
ANYBODY = Actor("Ada", "a test")
PROFILE = "INSERT INTO profiles SELECT :new, :number, full_name, name_key, email, department"
COPIED = f"{PROFILE}, created_at, updated_at, version FROM profiles WHERE id = :id"
RAW = {
    "insert into profiles": COPIED,
    "update profiles": "UPDATE profiles SET department = 'X' WHERE id = :id",
    "update all profiles": "UPDATE profiles SET department = 'X'",
    "move out": "UPDATE profiles SET created_at = '2024-05-05 00:00:00' WHERE id = :id",
    "delete from profiles": "DELETE FROM profiles WHERE id = :id",
    "insert into headshots": "INSERT INTO profile_headshots SELECT :other, version, media_type,"
    " image, thumbnail FROM profile_headshots WHERE profile_id = :id",
    "update headshots": "UPDATE profile_headshots SET media_type = 'X' WHERE profile_id = :id",
    "delete from headshots": "DELETE FROM profile_headshots WHERE profile_id = :id",
}
TRUNCATE = {
    "postgresql": ("TRUNCATE profiles CASCADE", "TRUNCATE profile_headshots"),
    "mysql": ("TRUNCATE profiles", "TRUNCATE profile_headshots"),
    "sqlite": (),
}


async def raw(database: Database, statement: str, **values: object) -> None:
    async with database.writes() as session:
        stored = {name: _stored(session, value) for name, value in values.items()}
        known = {name: value for name, value in stored.items() if f":{name}" in statement}
        await session.execute(text(statement), known)


def _stored(session: WriteSession, value: object) -> object:
    # PostgreSQL has a type for it, and others have its digits.
    native = session.get_bind().dialect.name == "postgresql"
    return value if native or isinstance(value, str) else value.hex  # type: ignore[attr-defined]


@pytest.mark.parametrize("state", [State.CLOSING, State.CLOSED, State.ARCHIVED])
@pytest.mark.parametrize("what", RAW)
async def test_each_frozen_table_refuses_every_change(
    thawed: Database, year: Find, state: State, what: str
) -> None:
    without = row(5)
    async with thawed.writes() as session:
        await session.execute(insert(PROFILES), without)
        await session.execute(update(PERIODS).values(state=state))
    inside = select(Profile.id).where(Profile.created_at >= (await year()).begins_at)
    wanted = (await thawed.reads.execute(inside.where(Profile.id != without["id"]))).scalars()
    values = {"id": wanted.first(), "other": without["id"], "new": row(1)["id"], "number": "new"}
    with pytest.raises(PeriodClosed):
        await raw(thawed, RAW[what], **values)


async def test_a_truncated_table_is_refused_too(thawed: Database, year: Find) -> None:
    period = await closing.move(thawed, await year(), State.CLOSING, ANYBODY)
    async with thawed.writes() as session:
        kind = session.get_bind().dialect.name
    before = await number(thawed, PROFILES)
    for statement in TRUNCATE["mysql" if kind == "mariadb" else kind]:
        with pytest.raises((PeriodClosed, DBAPIError)):
            await raw(thawed, statement)
    assert await number(thawed, PROFILES) == before
    assert period.state is State.CLOSING


async def test_a_temporary_table_hides_no_period(thawed: Database, year: Find) -> None:
    await closing.move(thawed, await year(), State.CLOSING, ANYBODY)
    async with thawed.writes() as session:
        # Its triggers do look at temporary tables: docs/periods.md.
        is_mysql = session.get_bind().dialect.name in ("mysql", "mariadb")
    with nullcontext() if is_mysql else pytest.raises(PeriodClosed):
        async with thawed.writes() as session:
            hiding = "CREATE TEMPORARY TABLE periods AS SELECT * FROM periods LIMIT 0"
            await session.execute(text(hiding))
            await session.execute(text("UPDATE profiles SET department = 'X'"))
            await session.execute(text("DROP TEMPORARY TABLE periods"))


async def test_rows_of_no_closed_period_are_changed_as_ever(thawed: Database, year: Find) -> None:
    await closing.move(thawed, await year(), State.CLOSING, ANYBODY)
    older = row(9, 2024)
    await add(thawed, older)
    await raw(thawed, "UPDATE profiles SET department = 'X' WHERE id = :id", id=older["id"])
    moved = "UPDATE profiles SET created_at = '2025-05-05 00:00:00' WHERE id = :id"
    with pytest.raises(PeriodClosed):
        await raw(thawed, moved, id=older["id"])
    await raw(thawed, "DELETE FROM profiles WHERE id = :id", id=older["id"])


async def test_the_api_answers_with_a_409(thawed: Database, year: Find, settings: Settings) -> None:
    await closing.move(thawed, await year(), State.CLOSING, ANYBODY)
    inside = select(Profile.id).where(Profile.created_at >= (await year()).begins_at)
    url = f"/v1/profiles/{(await thawed.reads.execute(inside)).scalars().first()}"
    async with serve(settings, thawed) as app, connect(app) as client:
        tag = (await client.get(url)).headers["ETag"]
        refused: httpx.Response = await client.delete(url, headers={"If-Match": tag})
    assert refused.status_code == 409
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert "belongs to a period that is closed" in refused.json()["detail"]


async def test_closing_waits_for_whoever_writes_and_has_what_he_wrote(
    thawed: Database, year: Find, database_url: str
) -> None:
    other, late = Database(database_url), row(30)
    async with other.writes() as session:
        await session.execute(insert(PROFILES), late)
        moving = asyncio.create_task(closing.move(thawed, await year(), State.CLOSING, ANYBODY))
        await asyncio.wait([moving], timeout=0.5)
        assert not moving.done()
    assert (await moving).state is State.CLOSING
    assert late["id"] in await ids(thawed)
    await other.close()


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ"])
async def test_whoever_has_begun_before_and_writes_after_is_refused(
    thawed: Database, year: Find, database_url: str, level: str
) -> None:
    """Even where all that he sees is of a moment at which it was open."""
    other, late, period = Database(database_url), row(30), await year()
    has_one_writer = database_url.startswith("sqlite")

    async def close() -> None:
        await closing.move(thawed, period, State.CLOSING, ANYBODY)

    async def write() -> None:
        if has_one_writer:
            # Whoever may write has begun last.
            await close()
        async with other.writes() as session:
            if not has_one_writer:
                options = {"isolation_level": level}
                connection = await session.connection(execution_options=options)
                await connection.execute(select(PERIODS.c.state))
                await close()
            await session.execute(insert(PROFILES), late)

    with pytest.raises((PeriodClosed, DBAPIError)):
        await write()
    await other.close()
    assert (await year()).state is State.CLOSING
    assert late["id"] not in await ids(thawed)


async def test_of_two_who_move_it_at_once_one_is_told(thawed: Database, year: Find) -> None:
    read = await year()
    await closing.move(thawed, read, State.CLOSING, ANYBODY)
    with pytest.raises(PeriodsError, match="somebody else is at work"):
        await closing.move(thawed, read, State.CLOSING, ANYBODY)


async def test_no_day_is_of_two_periods(desk: Desk, year: Find) -> None:
    assert (await year()).ends_at == datetime(2026, 1, 1, tzinfo=UTC)
    for name in ("2025-Q4", "2025-12", "2025"):
        with pytest.raises(SystemExit, match="has days of the period 2025"):
            await desk("open", name, *ADA)
    await desk("open", "2026-01", *ADA)
    with pytest.raises(SystemExit, match="others need --from and --to"):
        await desk("open", "spring", *ADA)
    with pytest.raises(SystemExit, match="are between 1900-01-01 and 2999-12-31"):
        await desk("open", "9999", *ADA)
    await desk("open", "spring", "--from", "2026-03-01", "--to", "2026-05-31", *ADA)
    assert "3 periods" in await desk("list")


def test_the_revision_has_what_is_written_for_its_tables() -> None:
    (revision,) = ROOT.glob("migrate/versions/*_0012_periods.py")
    found = revision.read_text("utf-8")
    for each in frozen().values():
        for dialect in triggers.DIALECTS:
            made = triggers.Statements(each, dialect)
            for statement in (*made.freeze(), *made.thaw()):
                lines = [line.strip() for line in statement.splitlines()]
                assert "\n".join(lines) in "\n".join(map(str.strip, found.splitlines()))
