"""Export rows as files, import them, and look at both."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from uuid import UUID


def declare(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")

    def add(name: str, text: str) -> ArgumentParser:
        return actions.add_parser(name, help=text, description=text)

    export = add("export", "Ask for a file of a resource's rows; prints the export's id.")
    export.add_argument("name", help="what a module's transfers.py calls it, as in profiles")
    formats = ["csv", "xlsx", "parquet"]
    export.add_argument("--format", choices=formats, default="csv", help="(default: csv)")
    where = "a filter of the list, or its sort, as in department=Engines; several are possible"
    export.add_argument("--where", type=pair, action="append", default=[], help=where)
    export.add_argument("--to", metavar="FILE", help="wait until it is made, and copy it there")
    listing = add("list", "List the newest exports, and how far they are.")
    listing.add_argument("--json", action="store_true", help="answer with JSON")
    cancel = add("cancel", "End an export before its time.")
    cancel.add_argument("id", type=UUID, help="which one")
    importing = add("import", "Import a file, CSV or XLSX, and wait until that has ended.")
    importing.add_argument("name", help="what a module's transfers.py calls it, as in profiles")
    importing.add_argument("file", type=Path, help="the file")
    modes = "write nothing, all rows or none, or those that are good (default: validate)"
    choices = ["validate", "all", "partial"]
    importing.add_argument("--mode", choices=choices, default="validate", help=modes)
    known = "what becomes of rows whose key is known (default: update)"
    importing.add_argument("--existing", choices=["update", "refuse"], default="update", help=known)
    importing.add_argument("--encoding", help="of a text (default: as it is found)")
    importing.add_argument("--delimiter", help="of a text (default: as it is found)")
    importing.add_argument("--report", metavar="FILE", type=Path, help="copy bad rows there")
    listing = add("imports", "List the newest imports, and how far they are.")
    listing.add_argument("--json", action="store_true", help="answer with JSON")
    cancel = add("cancel-import", "End an import before its time; what is written stays.")
    cancel.add_argument("id", type=UUID, help="which one")


def run(arguments: Namespace) -> None:
    from app.features.transfers import desk_commands  # noqa: PLC0415 - only this command does
    from app.settings import Settings  # noqa: PLC0415

    asyncio.run(desk_commands.serve(arguments, Settings()))


def pair(text: str) -> tuple[str, str]:
    """Read NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value
