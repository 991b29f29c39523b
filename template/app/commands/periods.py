"""Close periods and archive them: freeze, dump, verify, restore, delete."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from datetime import date
from pathlib import Path


def declare(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    named, answered, who = (ArgumentParser(add_help=False) for _ in range(3))
    named.add_argument("name", help="the period, as in 2026 or 2026-Q1")
    answered.add_argument("--json", action="store_true", help="answer with JSON")
    who.add_argument("--by", type=_text(100), required=True, help="who wants it")
    who.add_argument("--because", type=_text(500), required=True, help="why")

    def add(name: str, text: str, *parents: ArgumentParser) -> ArgumentParser:
        return actions.add_parser(name, help=text, description=text, parents=list(parents))

    begin = add("open", "Let there be a period.", named, who)
    begin.add_argument("--from", dest="first", type=_day, help="the first day of any other name")
    begin.add_argument("--to", dest="last", type=_day, help="its last day")
    add("list", "List every period.", answered)
    add("history", "Show who has moved a period, when and why.", named, answered)
    add("preflight", "Say what is in the way of closing a period.", named)
    add("close", "Freeze a period that is ready for it.", named, who)
    add("dump", "Dump every table while the period is closing.", named)
    kept = ArgumentParser(add_help=False)
    which = kept.add_mutually_exclusive_group(required=True)
    which.add_argument("name", nargs="?", help="the period whose dump it is")
    which.add_argument("--folder", type=Path, help="a dump, where the database is gone")
    add("verify", "Read a dump again, and hold it to its manifest.", kept)
    restore = add("restore", "Restore a dump into an empty database, and compare.", kept)
    run = add("run", "Close, dump, verify and restore: all that is left of it.", named, who)
    for each, required in ((restore, True), (run, False)):
        where = "an empty database, which the dump is restored into"
        each.add_argument("--into", required=required, metavar="URL", help=where)
    add("archive", "Delete the rows of a closed period, which are in its dump.", named, who)
    add("reopen", "Open a period again; somebody else has closed it.", named, who)
    freeze = add("freeze", "Write what a revision needs, so that rows of a table are frozen.")
    freeze.add_argument("table", help="a table that a module declares frozen")


def run(arguments: Namespace) -> None:
    from app.features.periods import desk_commands  # noqa: PLC0415 - only this command does
    from app.settings import Settings  # noqa: PLC0415

    asyncio.run(desk_commands.serve(arguments, Settings()))


def _text(most: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not text.strip() or not text.isprintable() or len(text) > most:
            raise ArgumentTypeError(f"it is one line of 1 to {most} characters")
        return text.strip()

    return read


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no day such as 2026-01-31") from None
