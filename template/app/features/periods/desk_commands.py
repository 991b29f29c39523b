"""The desk of whoever closes periods: `python -m app periods`."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import date

from sqlalchemy.exc import SQLAlchemyError

from app import features, modules
from app.core.business_days import business_zone
from app.core.database import Database
from app.core.logging import configure_logging
from app.features import read_settings
from app.features.periods import closing, triggers
from app.features.periods.closing import Actor, PeriodsError
from app.features.periods.declared import frozen
from app.features.periods.refusal import PeriodClosed
from app.features.periods.running import Desk
from app.features.periods.settings import PeriodsSettings
from app.features.periods.signing import signer
from app.features.periods.states import NAME, days_named
from app.features.periods.verifying import verified
from app.settings import Settings

# Whose days a calendar of every time zone has.
EARLIEST, LATEST = date(1900, 1, 1), date(2999, 12, 31)


async def serve(arguments: Namespace, settings: Settings) -> None:
    """Do what was asked for; exits with code 1 where that cannot be done."""
    # To standard error: what is asked for is alone on standard output.
    configure_logging(settings.log_level, settings.log_format)
    modules.load_models()
    features.load_models()
    if (signing := signer()) is not None:
        signing.configure(settings)
    own = read_settings(PeriodsSettings, settings)
    arguments.zone = business_zone(settings)
    database = Database(settings.database_url)
    try:
        desk = Desk(database, settings.database_url, own, _say)
        await ACTIONS[arguments.action](desk, arguments)
    except (PeriodsError, PeriodClosed) as error:
        sys.exit(f"{error}")
    except OSError as error:
        sys.exit(f"{error.filename or 'The dump'}: {error.strerror}")
    except SQLAlchemyError as error:
        told = f"The database has refused: {type(error).__name__}"
        sys.exit(f"{told}. What was done stays; run it again. Has it been migrated?")
    finally:
        await database.close()


def _say(text: str) -> None:
    print(text, flush=True)


async def _open(desk: Desk, arguments: Namespace) -> None:
    days = _days(arguments.name, arguments.first, arguments.last)
    made = await closing.begin(
        desk.database, arguments.name, days, arguments.zone, _actor(arguments)
    )
    _say(f"{made.name} is open: {made.first} to {made.last}, {made.zone}")


def _days(name: str, first: date | None, last: date | None) -> tuple[date, date]:
    if not NAME.fullmatch(name):
        raise PeriodsError("a name has 1 to 40 letters, digits, hyphens and underscores")
    known = days_named(name)
    if known is not None and first is None and last is None:
        first, last = known
    elif known is not None or first is None or last is None:
        raise PeriodsError("a year, a quarter or a month has its days; others need --from and --to")
    if first > last:
        raise PeriodsError(f"{first} is after {last}")
    if first < EARLIEST or last > LATEST:
        raise PeriodsError(f"the days of a period are between {EARLIEST} and {LATEST}")
    return first, last


async def _list(desk: Desk, arguments: Namespace) -> None:
    found = await closing.every(desk.database.reads)
    if arguments.json:
        print(json.dumps([asdict(each) for each in found], default=str, indent=2))
        return
    for each in found:
        days = f"{each.first} to {each.last}, {each.zone}"
        dump = f"  dump {each.folder}" if each.manifest else ""
        print(f"{each.name:<12}  {each.state:<8}  {days}{dump}")
    print(f"{len(found)} periods")


async def _history(desk: Desk, arguments: Namespace) -> None:
    await desk.find(arguments.name)
    found = await closing.history(desk.database.reads, arguments.name)
    if arguments.json:
        print(json.dumps([dict(each) for each in found], default=str, indent=2))
        return
    for each in found:
        when = f"{each['at']:%Y-%m-%d %H:%M} UTC"
        print(f"{when}  {each['target']:<8}  {each['by_whom']}: {each['why']}")


async def _preflight(desk: Desk, arguments: Namespace) -> None:
    await desk.require_ready(await desk.find(arguments.name))


async def _close(desk: Desk, arguments: Namespace) -> None:
    period = await desk.close(await desk.find(arguments.name), _actor(arguments))
    _say(f"{period.name} is {period.state}")


async def _dump(desk: Desk, arguments: Namespace) -> None:
    period = await desk.dump(await desk.find(arguments.name))
    _say(f"its manifest's SHA-256 is {period.manifest}")


async def _verify(desk: Desk, arguments: Namespace) -> None:
    if arguments.folder is None:
        await desk.verify(await desk.find(arguments.name))
        return
    found, told = await verified(arguments.folder)
    _say(f"{found.period.name}: {len(found.tables)} tables are as they were dumped; {told}")


async def _restore(desk: Desk, arguments: Namespace) -> None:
    if arguments.folder is None:
        await desk.restore(await desk.find(arguments.name), arguments.into)
        return
    found, _ = await verified(arguments.folder)
    await desk.restored(arguments.folder, found, arguments.into)


async def _run(desk: Desk, arguments: Namespace) -> None:
    period = await desk.find(arguments.name)
    await desk.run(period, _actor(arguments), arguments.into)


async def _archive(desk: Desk, arguments: Namespace) -> None:
    await desk.archive(await desk.find(arguments.name), _actor(arguments))


async def _reopen(desk: Desk, arguments: Namespace) -> None:
    await desk.reopen(await desk.find(arguments.name), _actor(arguments))


async def _freeze(_: Desk, arguments: Namespace) -> None:
    known = frozen()
    if arguments.table not in known:
        raise PeriodsError(f"no module declares {arguments.table} frozen: docs/periods.md")
    print(triggers.revision_parts(known[arguments.table]), end="")


def _actor(arguments: Namespace) -> Actor:
    return Actor(arguments.by, arguments.because)


ACTIONS: dict[str, Callable[[Desk, Namespace], Awaitable[None]]] = {
    "open": _open,
    "list": _list,
    "history": _history,
    "preflight": _preflight,
    "close": _close,
    "dump": _dump,
    "verify": _verify,
    "restore": _restore,
    "run": _run,
    "archive": _archive,
    "reopen": _reopen,
    "freeze": _freeze,
}
