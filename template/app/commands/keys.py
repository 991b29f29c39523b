"""Make, rotate and revoke keys, and seal what is stored by the newest one."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser, ArgumentTypeError, Namespace

MOST_ROWS = 10_000


def declare(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")

    def add(name: str, text: str) -> ArgumentParser:
        return actions.add_parser(name, help=text, description=text)

    listed = add("list", "List every key, but not what it is.")
    listed.add_argument("--json", action="store_true", help="answer with JSON")
    rotate = add("rotate", "Do what is due; with a kind, make its next key now.")
    kinds = ["data", "signing", "encryption", "webhook"]
    rotate.add_argument("kind", nargs="?", choices=kinds, help="begin before it is due")
    revoke = add("revoke", "Let a key serve for nothing from now on.")
    revoke.add_argument("kid", help="the key's id, as `list` shows it")
    sealed = add("reencrypt", "Seal every encrypted column by the current data key.")
    sealed.add_argument("--table", help="only those of this table")
    sealed.add_argument("--batch", type=_rows, default=200, help="rows at a time (default: 200)")
    add("rewrap", "Wrap every key by the first of the master keys.")
    secret = add("secret", "Show the secret of a webhook key, for its receiver.")
    secret.add_argument("kid", help="the key's id, as `list` shows it")
    master = add("master", "Show a new master key, and store it nowhere.")
    for each in (secret, master):
        each.set_defaults(shows_secret=True)


def run(arguments: Namespace) -> None:
    from app.features.keys import desk_commands  # noqa: PLC0415 - only this command does
    from app.settings import Settings  # noqa: PLC0415

    asyncio.run(desk_commands.serve(arguments, Settings()))


def _rows(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= MOST_ROWS:
        raise ArgumentTypeError(f"{text!r} is no number from 1 to {MOST_ROWS}")
    return int(text)
