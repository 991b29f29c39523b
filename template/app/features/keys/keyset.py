"""The keys as a process has them: read from the database, unwrapped when used, and soon forgotten.

    keys = await keyset(reads, row.iban)
    text = keys.opened(row.iban, row.id)

A keyset is what there was when it was read. One is kept for `KEYS_REFRESH`, and read again at once
where something was sealed by a key that it does not have.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn
from weakref import WeakKeyDictionary

from sqlalchemy import select

from app.core import sealing
from app.core.database import ReadConnection, WriteSession
from app.core.sealing import CannotOpen, Reader
from app.features.keys import material, process
from app.features.keys.ciphertexts import DataKey, is_alike, kid_of
from app.features.keys.columns import AnyColumn, Encrypted, Sealed, WrongPlace, encrypted, place
from app.features.keys.master import MasterKeys
from app.features.keys.material import KeyPair
from app.features.keys.models import KEYS
from app.features.keys.rotation import KEY_COLUMNS, NOT_COMMITTED, ensure, read_key
from app.features.keys.states import Key, Kind, State

_ALL = select(*KEY_COLUMNS, KEYS.c.wrapped).order_by(KEYS.c.created_at)


class NoKey(LookupError):
    """There is no key for this; says what to do."""


@dataclass(frozen=True)
class Held:
    """A key with what it is, wrapped; None: that is erased."""

    key: Key
    wrapped: str | None = field(repr=False)


class Keyset:
    """The keys there were at a time."""

    def __init__(self, held: Mapping[str, Held], masters: MasterKeys) -> None:
        self._held = held
        self._masters = masters
        self._data: dict[str, DataKey] = {}
        self._pairs: dict[str, KeyPair] = {}
        self.read_at = time.monotonic()
        # What was asked for and is not there: it is not looked for again and again.
        self.absent: set[str] = set()

    def __repr__(self) -> str:
        return f"Keyset({len(self._held)} keys)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("keys are not written down")

    def __contains__(self, kid: object) -> bool:
        return kid in self._held

    def of(self, kind: Kind, *states: State) -> list[Key]:
        """Return the keys of a kind in these states, the oldest first."""
        every = (each.key for each in self._held.values())
        return [key for key in every if key.kind is kind and key.state in states]

    def current(self, kind: Kind) -> Key:
        """Return the current key of a kind; raises NoKey."""
        for key in self.of(kind, State.CURRENT):
            return key
        raise NoKey(f"there is no {kind} key: python -m app keys rotate {kind}")

    def require_usable(self) -> None:
        """Raise UnknownMasterKey unless every key can be unwrapped."""
        for held in self._held.values():
            if held.wrapped is not None:
                self.material(held.key)

    def seal(self, column: AnyColumn, key: object, text: str) -> Sealed:
        """Return `text` as that column of the row with that primary key has it; raises NoKey.

        Where several columns are the primary key, `key` is a tuple. Raises InvalidInput where the
        column is too short, and WrongPlace where the row has no key yet.
        """
        kind, secret = encrypted(column), text.encode()
        if key is None:
            raise WrongPlace(f"{kind.column} is sealed when its row has a primary key: flush first")
        if kind.most_bytes is not None and len(secret) > kind.most_bytes:
            from app.core.errors import InvalidInput  # noqa: PLC0415 - only an api has it already

            message = f"{kind.most_bytes} bytes in UTF-8 at most, and it has {len(secret)}"
            raise InvalidInput(kind.column.partition(".")[2], message)
        return self._sealed(kind, key, secret, self.current(Kind.DATA))

    def opened(self, sealed: Sealed, key: object) -> str:
        """Return what was sealed for that row and the column it was read from; CannotOpen."""
        bound_to = place(sealed.column, () if is_alike(sealed.text) else key)
        return self.open_text(sealed.text, bound_to).decode()

    def candidates(self, column: AnyColumn, text: str) -> list[Sealed]:
        """Return what a deterministic column has where it has `text`, for `.in_()`.

        It is one for each data key that something may be sealed by.
        """
        kind = encrypted(column)
        if not kind.deterministic:
            raise TypeError(f"{kind.column} is not deterministic: nobody can search it")
        # A `next` one too: it may be current by the time that a row is looked for.
        every = self.of(Kind.DATA, *State)
        return [self._sealed(kind, (), text.encode(), key) for key in every]

    def sealed_again(self, sealed: Sealed, kind: Encrypted, key: object) -> Sealed:
        """Return the same text sealed by the current data key; raises CannotOpen."""
        secret = self.opened(sealed, key).encode()
        return self._sealed(kind, key, secret, self.current(Kind.DATA))

    def seal_text(self, secret: bytes, bound_to: str) -> str:
        """Seal for a column of no such type: see `app.core.sealing`."""
        return self._unwrapped_data(self.current(Kind.DATA)).seal(secret, bound_to)

    def open_text(self, text: str, bound_to: str) -> bytes:
        """Open what `seal_text` has sealed; raises CannotOpen."""
        held = self._held.get(kid_of(text) or "")
        if held is None or held.key.kind is not Kind.DATA:
            raise CannotOpen("it is no ciphertext of any data key that there is")
        return self._unwrapped_data(held.key).opened(text, bound_to)

    def pair(self, key: Key) -> KeyPair:
        """Return the key pair that a key for signatures or encryption is."""
        if key.kid not in self._pairs:
            self._pairs[key.kid] = material.read_pair(self.material(key))
        return self._pairs[key.kid]

    def material(self, key: Key) -> bytes:
        """Return what a key is, unwrapped; raises NoKey or UnknownMasterKey."""
        wrapped = self._held[key.kid].wrapped
        if wrapped is None:
            raise NoKey(f"the key {key.kid} was revoked")
        return self._masters.unwrap(wrapped, material.bound_to(key.kid, key.kind, key.algorithm))

    def _sealed(self, kind: Encrypted, key: object, secret: bytes, by: Key) -> Sealed:
        if kind.deterministic:
            text = self._unwrapped_data(by).seal_alike(secret, place(kind.column))
            return Sealed(text, kind.column)
        bound_to = place(kind.column, key)
        text = self._unwrapped_data(by).seal(secret, bound_to)
        return Sealed(text, kind.column, bound_to)

    def _unwrapped_data(self, key: Key) -> DataKey:
        if key.kid not in self._data:
            self._data[key.kid] = DataKey(key.kid, self.material(key))
        return self._data[key.kid]

    def take_over(self, older: Keyset) -> None:
        """Unwrap nothing twice that is still there, as it was."""
        same = {kid for kid, held in self._held.items() if older._held.get(kid) == held}
        self._data = {kid: key for kid, key in older._data.items() if kid in same}
        self._pairs = {kid: pair for kid, pair in older._pairs.items() if kid in same}


_keysets: WeakKeyDictionary[Any, Keyset] = WeakKeyDictionary()


async def keyset(reader: Reader, *sealed: Sealed | str | None) -> Keyset:
    """Return the keys, among them those that these were sealed by.

    In a transaction, those that the settings want and that are not there yet are made in it.
    """
    anchor = reader if isinstance(reader, ReadConnection) else reader.get_bind()
    known = _keysets.get(anchor)
    if known is not None and _does(known, sealed):
        return known
    found = await _read(reader, known)
    if not isinstance(reader, ReadConnection) and (missing := _missing(found)):
        found.require_usable()
        for kind in missing:
            await ensure(reader, kind)
        found = await _read(reader, known)
    found.absent = {kid for kid in _kids(sealed) if kid not in found}
    if isinstance(reader, ReadConnection) or NOT_COMMITTED not in reader.info:
        _keysets[anchor] = found
    return found


def _does(known: Keyset, sealed: Sequence[Sealed | str | None]) -> bool:
    if time.monotonic() - known.read_at >= process.own().keys_refresh.total_seconds():
        return False
    return all(kid in known or kid in known.absent for kid in _kids(sealed))


def _kids(sealed: Sequence[Sealed | str | None]) -> Iterator[str]:
    for each in sealed:
        text = each.text if isinstance(each, Sealed) else each
        if text is not None and (kid := kid_of(text)) is not None:
            yield kid


def _missing(found: Keyset) -> list[Kind]:
    return [kind for kind in process.own().keys_kinds if not found.of(kind, State.CURRENT)]


async def _read(reader: Reader, older: Keyset | None) -> Keyset:
    rows = (await reader.execute(_ALL)).mappings()
    held = {row["kid"]: Held(read_key(row), row["wrapped"]) for row in rows}
    found = Keyset(held, process.masters())
    if older is not None:
        found.take_over(older)
    return found


def forget() -> None:
    """Read the keys again wherever they are needed next."""
    _keysets.clear()


class _Sealer:
    """Encrypts what features store: see `app.core.sealing`."""

    async def seal(self, session: WriteSession, secret: bytes, bound_to: str) -> str:
        return (await keyset(session)).seal_text(secret, bound_to)

    async def opened(self, reader: Reader, text: str, bound_to: str) -> bytes:
        return (await keyset(reader, text)).open_text(text, bound_to)


sealing.install(_Sealer())
