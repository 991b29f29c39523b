"""Migrations that lose nothing: `python -m migrate COMMAND`. docs/migrations.md tells their story.

Exit codes: 0 done · 1 failed · 2 wrong usage, or findings · 3 refused, because something would be
lost · 4 could not get the lock, or jobs did not finish in time.
"""

from __future__ import annotations

import argparse
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

from migrate.errors import MigrationFailed
from migrate.project import Report, Run

# Which module here has the command: only that one is imported.
COMMANDS = {
    "status": "state",
    "current": "state",
    "revision": "writing",
    "lint": "lint",
    "upgrade": "running",
    "downgrade": "running",
    "resume": "running",
    "undo": "repairing",
    "split": "repairing",
    "resolve": "repairing",
    "rebase": "writing",
    "check": "state",
    "test": "testing",
    "backfill": "data",
    "backup": "data",
    "restore": "data",
    "stamp": "running",
}


Declare = Callable[[ArgumentParser], object]


@dataclass(frozen=True)
class Command:
    """What runs, and what it is told."""

    run: Callable[[Run], None]
    arguments: tuple[Declare, ...]


def command(*arguments: Declare) -> Callable[[Callable[[Run], None]], Command]:
    """Make a function the command of its name; its docstring is its help."""
    return lambda run: Command(run, arguments)


def flag(name: str, text: str) -> Declare:
    """Declare a switch."""
    return lambda parser: parser.add_argument(name, action="store_true", help=text)


def option(name: str, default: float, text: str) -> Declare:
    """Declare a number with its default."""
    what = f"{text} (default: {default:g})"
    return lambda parser: parser.add_argument(
        name, type=type(default), default=default, metavar="N", help=what
    )


def value(name: str, text: str, default: str | None = None) -> Declare:
    """Declare a text: a position with a default, or an option that may be left out."""
    if name.startswith("-"):
        return lambda parser: parser.add_argument(name, default=default, metavar="X", help=text)
    nargs = "?" if default is not None else None
    return lambda parser: parser.add_argument(name, nargs=nargs, default=default, help=text)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that was asked for; return its exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    if not words:
        print(
            __doc__, *(f"  {name:<10} {_first_line(_command(name))}" for name in COMMANDS), sep="\n"
        )
        return 0
    arguments = _parser(words).parse_args(words)
    report = Report(arguments.json)
    try:
        arguments.run(Run(arguments, report))
    except MigrationFailed as error:
        report("error", str(error), exit_code=error.exit_code)
        return error.exit_code
    return 0


def _command(name: str) -> Command:
    command: Command = getattr(import_module(f"{__name__}.{COMMANDS[name]}"), name)
    return command


def _first_line(command: Command) -> str:
    return (command.run.__doc__ or "").partition("\n")[0]


def _parser(words: Sequence[str]) -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m migrate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    asked = [word for word in words[:1] if word in COMMANDS]
    for name in asked or COMMANDS:
        command = _command(name)
        description = command.run.__doc__
        subparser = subparsers.add_parser(name, help=_first_line(command), description=description)
        subparser.add_argument("--json", action="store_true", help="tell each event as an object")
        subparser.add_argument("--database", metavar="URL", help="default: the project's own")
        for declare in command.arguments:
            declare(subparser)
        subparser.set_defaults(run=command.run)
    return parser
