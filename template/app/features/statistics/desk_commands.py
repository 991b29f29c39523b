"""The desk of whoever looks after statistics: `python -m app statistics`."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from app.core.business_days import begin_of
from app.core.database import Database
from app.core.logging import configure_logging
from app.features.statistics import counting, reading, settings, triggers
from app.features.statistics.declared import Statistic, declared
from app.features.statistics.endpoints import MOST_DAYS
from app.features.statistics.models import DAILY, MARKS, STANDINGS
from app.features.statistics.reading import Wanted
from app.settings import Settings


async def serve(arguments: Namespace, of_process: Settings) -> None:
    """Do what was asked for; exits with code 1 where that cannot be done."""
    settings.configure(of_process)
    # To standard error: what is asked for is alone on standard output.
    configure_logging(of_process.log_level, of_process.log_format)
    database = Database(of_process.database_url)
    try:
        await ACTIONS[arguments.action](database, arguments)
    except SQLAlchemyError as error:
        sys.exit(f"The database has refused: {type(error).__name__}. Has it been migrated?")
    finally:
        await database.close()


async def _status(database: Database, arguments: Namespace) -> None:
    without = await counting.unmarked(database.reads)
    found = [await _standing(database, each, without) for each in declared().values()]
    if arguments.json:
        print(json.dumps(found, default=str, indent=2))
        return
    for each in found:
        until = f"every day before {each['until']} is kept" if each["until"] else "no day is kept"
        told = f"{each['statistic']}: {until}, {each['changed']} rows of them have changed since"
        print(f"{told}, in {each['cells']} cells")
    if without:
        names = ", ".join(sorted(without))
        sys.exit(f"The database marks no change of {names}, so nothing is kept: docs/statistics.md")


async def _standing(
    database: Database, statistic: Statistic, without: set[str]
) -> dict[str, object]:
    name = STANDINGS.c.statistic == statistic.name
    kept = (await database.reads.execute(select(STANDINGS).where(name))).one_or_none()
    until = kept.until if kept and kept.declared == statistic.digest(settings.zone()) else None
    cells = select(func.count()).select_from(DAILY).where(DAILY.c.statistic == statistic.name)
    marks = select(func.count()).select_from(MARKS).where(MARKS.c.source == statistic.source)
    changed = 0
    if until:
        late = marks.where(MARKS.c.at < begin_of(until, settings.zone()))
        changed = (await database.reads.execute(late)).scalar_one()
    return {
        "statistic": statistic.name,
        "source": statistic.source,
        "marked": statistic.source not in without,
        "until": until,
        "changed": changed,
        "cells": (await database.reads.execute(cells)).scalar_one(),
        "counted_at": kept.counted_at if kept else None,
    }


async def _backfill(database: Database, arguments: Namespace) -> None:
    """Count a range anew, and then whatever is due."""
    zone, today = settings.zone(), settings.today()
    done = 0
    if arguments.name:
        _called(arguments.name)
    if (arguments.name or arguments.last) and not arguments.first:
        sys.exit("--from says which day is the first one to be counted again.")
    if arguments.first:
        _require_order(arguments.first, arguments.last or today)
        last = min(arguments.last or today, today - timedelta(days=1))
        days = counting.days_of(arguments.first, last + timedelta(days=1))
        for source, statistics in counting.by_source().items():
            if days and (not arguments.name or arguments.name in {s.name for s in statistics}):
                print(f"{source}: {days[0]} to {days[-1]}")
                await counting.count_days(database, statistics, days, zone)
                done += len(days)
    done += await counting.count_all(database, today, zone)
    print(f"{done} days were counted")
    if without := await counting.unmarked(database.reads):
        names = ", ".join(sorted(without))
        sys.exit(f"The database marks no change of {names}, so nothing is kept: docs/statistics.md")


async def _show(database: Database, arguments: Namespace) -> None:
    statistic = _called(arguments.name)
    last = arguments.last or settings.today()
    first = arguments.first or last - timedelta(days=29)
    _require_order(first, last)
    if (last - first).days >= MOST_DAYS:
        sys.exit(f"{first} to {last} are more than {MOST_DAYS} days.")
    wanted = Wanted(statistic.name, first, last, arguments.per, settings.zone().key)
    found = await reading.read(database.reads, wanted)
    if arguments.json:
        print(json.dumps([each.model_dump() for each in found], default=str, indent=2))
        return
    print("  ".join(["day", *statistic.by, *statistic.measures]))
    for each in found:
        shown = ["-" if value is None else str(value) for value in each.dimensions + each.numbers]
        print("  ".join([str(each.day), *shown]))


def _called(name: str) -> Statistic:
    """Return what a module declares; exits where none does."""
    known = declared()
    if name not in known:
        sys.exit(f"No module declares a statistic {name!r}: {', '.join(known)} do.")
    return known[name]


def _require_order(first: date, last: date) -> None:
    if first > last:
        sys.exit(f"{first} is after {last}.")


async def _marks(_: Database, arguments: Namespace) -> None:
    print(triggers.revision_parts(arguments.table, arguments.column), end="")


ACTIONS = {"status": _status, "backfill": _backfill, "show": _show, "marks": _marks}
