"""Re-encryption: whatever is not sealed by the current data key is, a batch after the other.

How far a column has come is stored with each batch: a run that was killed goes on from there. A
value is replaced only where it still is what was read, so that a change meanwhile is never lost.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

import structlog
from pydantic import JsonValue, TypeAdapter
from pydantic_core import to_jsonable_python
from sqlalchemy import (
    Column,
    ColumnElement,
    CursorResult,
    String,
    Update,
    func,
    literal,
    not_,
    select,
    tuple_,
    type_coerce,
    update,
)
from sqlalchemy.exc import OperationalError

from app.core import sealing
from app.core.database import Base, Database, ReadConnection, WriteSession
from app.core.inserting import inserted
from app.core.sealing import SEALED, CannotOpen
from app.features.keys import process, rotation
from app.features.keys.ciphertexts import ALIKE, RANDOM, head
from app.features.keys.columns import Encrypted, Sealed
from app.features.keys.keyset import Keyset, forget, keyset
from app.features.keys.models import REENCRYPTIONS
from app.features.keys.rotation import ATTEMPTS, Contended
from app.features.keys.states import Forget, Key, Kind, State

logger = structlog.get_logger(__name__)

BATCH = 200
# What is written meanwhile by processes that do not know the newest key yet is found by another.
MOST_PASSES = 3

RowKey = tuple[Any, ...]
Stale = tuple[RowKey, str]


@dataclass(frozen=True)
class Target:
    """A column of sealed texts."""

    column: Column[Any]

    @property
    def name(self) -> str:
        return f"{self.column.table.name}.{self.column.name}"

    @property
    def key(self) -> Sequence[Column[Any]]:
        return list(self.column.table.primary_key)

    @property
    def text(self) -> ColumnElement[str]:
        """What is stored, whatever the column's type makes of it."""
        return type_coerce(self.column, String)

    def is_stale(self, kid: str) -> ColumnElement[bool]:
        form = RANDOM
        if isinstance(self.column.type, Encrypted) and self.column.type.deterministic:
            form = ALIKE
        return not_(self.text.like(f"{head(form, kid)}%"))

    def is_sealed_by(self, kid: str) -> ColumnElement[bool]:
        return self.text.like(f"{head(RANDOM, kid)}%") | self.text.like(f"{head(ALIKE, kid)}%")

    def sealed_again(self, keys: Keyset, key: RowKey, text: str) -> str:
        """Return the same, sealed by the current data key; raises CannotOpen."""
        kind = self.column.type
        if isinstance(kind, Encrypted):
            return keys.sealed_again(Sealed(text, kind.column), kind, key).text
        bound_to = sealing.place(self.column, *key)
        is_plain = text.startswith(sealing.PLAIN)
        secret = sealing.read_plain(text) if is_plain else keys.open_text(text, bound_to)
        return keys.seal_text(secret, bound_to)


@dataclass
class Progress:
    """How far a column has come."""

    target: Target
    kid: str
    position: RowKey | None = None
    sealed: int = 0
    left: int = 0
    # The keys of rows that cannot be opened.
    failed: set[RowKey] = field(default_factory=set)

    @property
    def is_finished(self) -> bool:
        return self.left == 0


def targets(table: str | None = None) -> list[Target]:
    """Return every column of sealed texts, or those of a table; models are loaded by the caller."""
    return [
        Target(column)
        for each in Base.metadata.sorted_tables
        for column in each.columns
        if isinstance(column.type, Encrypted) or column.info.get("sealed") == SEALED["sealed"]
        if table in (None, each.name)
    ]


async def reencrypt(
    database: Database, target: Target, *, batch: int = BATCH
) -> AsyncIterator[Progress]:
    """Seal a column by the current data key, and yield how far it is after each batch."""
    for _ in range(MOST_PASSES):
        forget()
        progress = await _begun(database, target)
        async for each in _passed(database, progress, batch):
            yield each
        progress.left = await _count(database.reads, target, progress.kid)
        async with database.writes() as session:
            await _save(session, progress, finished=True)
        yield progress
        if progress.left <= len(progress.failed):
            return


async def _begun(database: Database, target: Target) -> Progress:
    """Return where the last run has ended, if that was before its end and for the same key."""
    async with database.writes() as session:
        kid = (await keyset(session)).current(Kind.DATA).kid
    columns = REENCRYPTIONS.c.kid, REENCRYPTIONS.c.position, REENCRYPTIONS.c.sealed
    unfinished = select(*columns).where(
        REENCRYPTIONS.c.target == target.name, REENCRYPTIONS.c.finished_at.is_(None)
    )
    found = (await database.reads.execute(unfinished)).one_or_none()
    progress = Progress(target, kid, left=await _count(database.reads, target, kid))
    if found is not None and found.kid == kid and found.position is not None:
        progress.position = tuple(_parsed(target, found.position))
        progress.sealed = found.sealed
    return progress


def _parsed(target: Target, position: Sequence[JsonValue]) -> Iterator[object]:
    for column, value in zip(target.key, position, strict=True):
        yield TypeAdapter(column.type.python_type).validate_python(value)


async def _passed(database: Database, progress: Progress, batch: int) -> AsyncIterator[Progress]:
    while rows := await _stale(database.reads, progress, batch):
        keys = await keyset(database.reads, *(text for _, text in rows))
        for attempt in range(ATTEMPTS):
            try:
                await _sealed(database, progress, keys, rows)
                break
            except OperationalError:
                # Others change the same rows: a deadlock, whose loser begins again.
                if attempt == ATTEMPTS - 1:
                    raise
        yield progress


async def _sealed(
    database: Database, progress: Progress, keys: Keyset, rows: Sequence[Stale]
) -> None:
    """Seal a batch, and store with it how far the column is."""
    after = replace(progress, position=rows[-1][0])
    async with database.writes() as session:
        for key, text in rows:
            number = await _replaced(session, after, keys, key, text)
            after.sealed += number
            after.left -= number
        await _save(session, after)
    vars(progress).update(vars(after))


async def _stale(reads: ReadConnection, progress: Progress, batch: int) -> list[Stale]:
    target = progress.target
    wanted = select(*target.key, target.text).where(
        target.column.is_not(None), target.is_stale(progress.kid)
    )
    if progress.position is not None:
        values = zip(progress.position, target.key, strict=True)
        after = tuple_(*(literal(value, column.type) for value, column in values))
        wanted = wanted.where(tuple_(*target.key) > after)
    rows = await reads.execute(wanted.order_by(*target.key).limit(batch))
    return [(tuple(row[:-1]), row[-1]) for row in rows]


async def _replaced(
    session: WriteSession, progress: Progress, keys: Keyset, key: RowKey, text: str
) -> int:
    """Replace one value, if it still is what was read; return 1 where it was."""
    target = progress.target
    try:
        again = target.sealed_again(keys, key, text)
    except CannotOpen as error:
        progress.failed.add(key)
        row_key = list(map(str, key))
        logger.warning("keys.cannot_open", target=target.name, row=row_key, why=str(error))
        return 0
    row = [column == value for column, value in zip(target.key, key, strict=True)]
    change = update(target.column.table).where(*row, target.text == text)
    return await _changed(session, change.values({target.column: type_coerce(again, String)}))


async def _save(session: WriteSession, progress: Progress, *, finished: bool = False) -> None:
    now, name = datetime.now(UTC), progress.target.name
    values = {
        "kid": progress.kid,
        "position": to_jsonable_python(progress.position),
        "sealed": progress.sealed,
        "updated_at": now,
        "finished_at": now if finished else None,
    }
    change = update(REENCRYPTIONS).where(REENCRYPTIONS.c.target == name).values(values)
    if await _changed(session, change) == 0:
        await inserted(session, REENCRYPTIONS, {"target": name, **values})


async def _changed(session: WriteSession, change: Update) -> int:
    return cast("CursorResult[Any]", await session.execute(change)).rowcount


async def _count(reads: ReadConnection, target: Target, kid: str) -> int:
    stale = select(func.count()).where(target.column.is_not(None), target.is_stale(kid))
    return (await reads.execute(stale.select_from(target.column.table))).scalar_one()


async def prune(database: Database) -> list[str]:
    """Delete the data keys that nothing is sealed by any more; return their ids.

    None of those that a process may still seal by: they are kept for `KEYS_OVERLAP`.
    """
    removed = []
    for key in await rotation.find(database.reads):
        if _is_over(key) and not await _is_used(database.reads, key.kid):
            with suppress(Contended):
                async with database.writes() as session:
                    await rotation.apply(session, Forget(key.kid))
                removed.append(key.kid)
    return removed


def _is_over(key: Key) -> bool:
    over_at = key.since + process.own().keys_overlap
    ended = key.state in (State.RETIRED, State.REVOKED)
    return key.kind is Kind.DATA and ended and datetime.now(UTC) >= over_at


async def _is_used(reads: ReadConnection, kid: str) -> bool:
    for target in targets():
        used = select(literal(1)).select_from(target.column.table).where(target.is_sealed_by(kid))
        if (await reads.execute(used.limit(1))).first() is not None:
            return True
    return False
