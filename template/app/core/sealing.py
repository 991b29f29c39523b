"""Secrets in the database: encrypted where the project has the feature `keys`, plain where not.

    secret: Mapped[str] = mapped_column(Text, info=SEALED)
    row.secret = await seal(session, secret, place(TABLE.c.secret, row.id))

A sealed text is bound to its place, so that one that is copied to another cannot be opened there.
What was stored plain before there were keys stays readable; their re-encryption seals it.
"""

from __future__ import annotations

import base64
import binascii
import json
from functools import cache
from importlib import import_module
from typing import Any, Final, Protocol

from sqlalchemy import Column

from app.core.database import ReadConnection, WriteSession

# Where keys are read: inside a transaction its session, or there would be two connections.
Reader = ReadConnection | WriteSession
# What a column of sealed texts has as its `info`, by which the re-encryption finds it.
SEALED: Final = {"sealed": True}
PLAIN = "plain:"
# By its name, for core imports none of it: a command installs no feature, and what it stores must
# not be plain for that.
_FEATURES = "app.features"


class CannotOpen(Exception):
    """A sealed text was changed, belongs elsewhere, or its key is gone; says nothing about it."""


class Sealer(Protocol):
    """What encrypts; `bound_to` is needed again to open."""

    async def seal(self, session: WriteSession, secret: bytes, bound_to: str) -> str:
        """Return the secret as it may be stored."""

    async def opened(self, reader: Reader, text: str, bound_to: str) -> bytes:
        """Return the secret; raises CannotOpen."""


_sealers: list[Sealer] = []


def install(sealer: Sealer) -> None:
    """Let `sealer` encrypt from now on."""
    _sealers[:] = [sealer]


def place(column: Column[Any] | str, *key: object) -> str:
    """Return what a text in TABLE.COLUMN is bound to, in the row of that primary key."""
    return json.dumps([*str(column).split(".", 1), *map(str, key)])


async def seal(session: WriteSession, secret: bytes, bound_to: str) -> str:
    """Return the secret as it may be stored in this transaction: text in ASCII.

    Of n bytes it has n * 4/3 + 64 characters at most.
    """
    sealer = _sealer()
    return plain(secret) if sealer is None else await sealer.seal(session, secret, bound_to)


async def opened(reader: Reader, text: str, bound_to: str) -> bytes:
    """Return the secret that was sealed for that place; raises CannotOpen."""
    if text.startswith(PLAIN):
        return read_plain(text)
    sealer = _sealer()
    if sealer is None:
        raise CannotOpen("it was sealed by the feature keys, which this project does not have")
    return await sealer.opened(reader, text, bound_to)


def plain(secret: bytes) -> str:
    return PLAIN + base64.b64encode(secret).decode()


def read_plain(text: str) -> bytes:
    """Return what was stored plain; raises CannotOpen."""
    try:
        return base64.b64decode(text.removeprefix(PLAIN), validate=True)
    except (binascii.Error, ValueError):
        raise CannotOpen("it is marked as plain, and is not") from None


def _sealer() -> Sealer | None:
    if not _sealers:
        _load_features()
    return _sealers[0] if _sealers else None


@cache
def _load_features() -> None:
    import_module(_FEATURES).load_models()
