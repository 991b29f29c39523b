"""Show statistics, say how far they are counted, and count days again."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from datetime import date

# Whose days a calendar of every time zone has.
EARLIEST, LATEST = date(1900, 1, 1), date(2999, 12, 31)


def declare(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    days = ArgumentParser(add_help=False)
    days.add_argument("--from", dest="first", type=day, help="the first day, as in 2026-01-31")
    days.add_argument("--to", dest="last", type=day, help="the last day")
    answered = ArgumentParser(add_help=False)
    answered.add_argument("--json", action="store_true", help="answer with JSON")

    def add(name: str, text: str, *parents: ArgumentParser) -> ArgumentParser:
        return actions.add_parser(name, help=text, description=text, parents=list(parents))

    add("status", "Say how far each statistic is counted.", answered)
    backfill = add("backfill", "Count days again, and then all that is due.", days)
    backfill.add_argument("name", nargs="?", help="only what this statistic counts")
    show = add("show", "Show the numbers of days.", days, answered)
    show.add_argument("name", help="which statistic")
    marks = add("marks", "Write what a revision needs, so that changes of a table are marked.")
    marks.add_argument("table")
    marks.add_argument("column", help="the column of the instant that is counted by")
    per = "what is counted together (default: day)"
    show.add_argument("--per", choices=["day", "month", "total"], default="day", help=per)


def run(arguments: Namespace) -> None:
    from app.features.statistics import desk_commands  # noqa: PLC0415 - only this command does
    from app.settings import Settings  # noqa: PLC0415

    asyncio.run(desk_commands.serve(arguments, Settings()))


def day(text: str) -> date:
    """Read a day of the calendar."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no day such as 2026-01-31") from None
    if not EARLIEST <= found <= LATEST:
        raise ArgumentTypeError(f"{text} is not between {EARLIEST} and {LATEST}")
    return found
