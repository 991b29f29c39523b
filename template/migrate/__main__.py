"""Migrations that lose nothing: `python -m migrate COMMAND`. docs/migrations.md tells their story.

Exit codes: 0 done · 1 failed · 2 wrong usage, or findings · 3 refused, because something would be
lost · 4 could not get the lock, or jobs did not finish in time.
"""

# Managed by the template: your own are env.py and versions/, and an update merges any other change.
from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from migrate.errors import MigrationFailed
from migrate.kit.commands import Command
from migrate.project import Report, Run

# Which module of `migrate.kit.commands` has the command: only that one is imported.
COMMANDS = {
    "status": "state",
    "revision": "writing",
    "lint": "state",
    "upgrade": "running",
    "downgrade": "running",
    "resume": "running",
    "undo": "repairing",
    "split": "repairing",
    "resolve": "repairing",
    "merge": "branches",
    "rebase": "branches",
    "check": "state",
    "test": "testing",
    "sql": "state",
    "backfill": "data",
    "backup": "data",
    "restore": "data",
    "squash": "writing",
    "stamp": "running",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that was asked for; return its exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    arguments = _parser(words).parse_args(words)
    report = Report(arguments.json)
    try:
        arguments.run(Run(arguments, report))
    except MigrationFailed as error:
        report("error", str(error), exit_code=error.exit_code)
        return error.exit_code
    return 0


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m migrate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    asked = [word for word in words[:1] if word in COMMANDS]
    for name in asked or COMMANDS:
        command: Command = getattr(import_module(f"migrate.kit.commands.{COMMANDS[name]}"), name)
        text = command.run.__doc__ or ""
        subparser = subparsers.add_parser(name, help=text.partition("\n")[0], description=text)
        subparser.add_argument("--json", action="store_true", help="tell each event as an object")
        subparser.add_argument("--database", metavar="URL", help="default: the project's own")
        for declare in command.arguments:
            declare(subparser)
        subparser.set_defaults(run=command.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
