"""What clients and operators see of statistics, and what is no statistic."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import timedelta
from decimal import Decimal

import httpx
import pytest
from sqlalchemy import select

from app.commands import statistics as command
from app.core.database import Database
from app.core.outbox import OutboxRow
from app.features.statistics import (
    Statistic,
    count,
    counting,
    desk_commands,
    jobs,
    largest,
    settings,
    total,
    triggers,
)
from app.modules.profiles.models import Profile
from app.settings import ROOT, Settings
from tests.features.statistics.conftest import ZONE, add, at, row

URL = "/v1/statistics/profiles_created"


async def test_numbers_are_asked_for_per_day_and_month_and_in_all(
    database: Database, client: httpx.AsyncClient
) -> None:
    await add(database, row(at(3)), row(at(3), "Letters"), row(at(4)), row(at(2, month=4)))
    days = {"from": "2026-03-03", "to": "2026-04-30"}

    async def asked(**more: str) -> list[object]:
        answer = (await client.get(URL, params=days | more)).json()["data"]
        assert answer["time_zone"] == "Europe/Berlin"
        return [[each["day"], each["department"], each["created"]] for each in answer["items"]]

    assert await asked(per="day", department="Engines") == [
        ["2026-03-03", "Engines", 1],
        ["2026-03-04", "Engines", 1],
        ["2026-04-02", "Engines", 1],
    ]
    assert await asked(per="month") == [
        ["2026-03-03", "Engines", 2],
        ["2026-03-03", "Letters", 1],
        ["2026-04-01", "Engines", 1],
    ]
    assert await asked(per="total", department="Letters") == [["2026-03-03", "Letters", 1]]
    assert await asked(department="letters") == []


async def test_an_answer_that_is_the_same_is_not_sent_again(
    database: Database, client: httpx.AsyncClient
) -> None:
    days = {"from": "2026-03-03", "to": "2026-03-03"}
    tag = (await client.get(URL, params=days)).headers["ETag"]
    again = await client.get(URL, params=days, headers={"If-None-Match": tag})
    assert again.status_code == 304
    await add(database, row(at(3)))
    settings.configure(Settings(_env_file=None))


@pytest.mark.parametrize(
    "asked",
    [
        {"from": "2026-03-02", "to": "2026-03-01"},
        {"from": "1900-01-01", "to": "2026-03-01"},
        {"from": "1900-01-01"},
        {"to": "3000-01-01"},
        {"to": "0"},
        {"to": "2026-W10-1"},
        {"from": "0001-01-01"},
        {"per": "year"},
        {"team": "Engines"},
    ],
)
async def test_what_cannot_be_counted_is_refused(
    client: httpx.AsyncClient, asked: dict[str, str]
) -> None:
    refused = await client.get(URL, params=asked)
    assert refused.status_code == 422
    assert refused.json()["errors"]


async def test_today_and_the_days_before_it_are_what_is_usually_asked_for(
    client: httpx.AsyncClient,
) -> None:
    answer = (await client.get(URL)).json()["data"]
    assert answer["last"] == settings.today().isoformat()
    assert answer["first"] == (settings.today() - timedelta(days=29)).isoformat()


async def test_whoever_looks_asks_once_for_what_is_due(database: Database) -> None:
    await add(database, row(at(3)))
    assert await jobs.ask_if_due(database)
    assert await jobs.ask_if_due(database)
    waiting = await database.reads.execute(select(OutboxRow.actor))
    assert waiting.scalars().all() == [jobs.COUNT]
    await counting.count_all(database, settings.today(), ZONE)
    assert not await jobs.ask_if_due(database)


async def shown(capsys: pytest.CaptureFixture[str], of: Settings, *words: str) -> str:
    parser = ArgumentParser()
    command.declare(parser)
    await desk_commands.serve(parser.parse_args(words), of)
    return capsys.readouterr().out


async def test_an_operator_counts_days_and_sees_how_far_they_are(
    committing: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    await add(committing, row(at(3)), row(at(4)))
    assert "no day is kept" in await shown(capsys, settings, "status")
    assert "days were counted" in await shown(capsys, settings, "backfill")
    again = ("backfill", "--from", "2026-03-03", "--to", "2026-03-04", "profiles_created")
    assert "\n2 days were counted" in await shown(capsys, settings, *again)
    (status,) = json.loads(await shown(capsys, settings, "status", "--json"))
    assert (status["marked"], status["changed"], status["cells"]) == (True, 0, 2)
    days = ("--from", "2026-03-01", "--to", "2026-03-31", "--per", "total")
    text = await shown(capsys, settings, "show", "profiles_created", *days)
    assert text.splitlines() == ["day  department  created", "2026-03-01  Engines  2"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("show", "people"), "No module declares a statistic 'people': profiles_created do."),
        (("show", "profiles_created", "--from", "1900-01-01"), "are more than 3660 days."),
        (("backfill", "people", "--from", "2026-03-01"), "No module declares a statistic"),
        (("backfill", "--to", "2026-03-01"), "--from says"),
        (("backfill", "--from", "2026-03-02", "--to", "2026-03-01"), "2026-03-02 is after"),
    ],
)
async def test_what_cannot_be_done_is_told(
    settings: Settings, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], why: str
) -> None:
    with pytest.raises(SystemExit, match=why):
        await shown(capsys, settings, *words)


def test_the_revision_has_what_is_written_for_a_table() -> None:
    text = (ROOT / "migrate/versions/20261201_0009_statistics.py").read_text("utf-8")
    for part in triggers.revision_parts("profiles", "created_at").split("\n\n\n"):
        assert part.strip() in text


def test_a_name_that_would_mean_two_things_and_text_that_is_no_number_are_refused() -> None:
    by, measures = {"department": Profile.department}, {"department": count()}
    with pytest.raises(ValueError, match="department would mean two things"):
        Statistic("s", Profile.created_at, by, measures)
    with pytest.raises(TypeError, match="is no number"):
        largest(Profile.full_name)


def test_numbers_are_merged_as_they_are_and_nothing_is_no_number() -> None:
    money = total(Profile.version)
    assert money.merged([money.stored(Decimal(3)), None, money.stored(4)]) == 7
    assert money.merged([None, None]) is None
    assert largest(Profile.version).merged([3, 9, None]) == 9
