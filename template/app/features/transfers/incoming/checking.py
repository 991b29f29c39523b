"""A file is read and checked, batch by batch: no transaction is open meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import ColumnElement, Select, tuple_

from app.core.database import Database
from app.core.jobs import Attempt
from app.features.transfers.declared import Transfer
from app.features.transfers.incoming import imports, settings
from app.features.transfers.incoming.columns import Columns
from app.features.transfers.incoming.imports import Running
from app.features.transfers.incoming.models import Existing, Mode
from app.features.transfers.incoming.reading import Stated, open_table
from app.features.transfers.incoming.staging import Checked, Key, Staging
from app.features.transfers.incoming.tables import Table, Unreadable

P = ParamSpec("P")
T = TypeVar("T")

# How many batches are checked before whoever waits is told.
TOLD_EVERY = 10
KNOWN = "its key is in the table already"


@dataclass(frozen=True)
class Work:
    """What one attempt works with."""

    attempt: Attempt
    running: Running
    table: Table
    columns: Columns
    staging: Staging

    @property
    def database(self) -> Database:
        return self.attempt.database

    def next_rows(self, size: int) -> Sequence[Checked]:
        """Read and check some rows more."""
        return self.columns.checked(list(islice(self.table.rows, size)))


@dataclass
class Counted:
    """How many rows were read, and how many of the good ones have a key that is in the table."""

    rows: int = 0
    valid: int = 0
    known: int = 0


async def in_thread(function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Call what blocks; when this is cancelled, the call ends before what it works on does."""
    working = asyncio.ensure_future(asyncio.to_thread(function, *args, **options))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        with suppress(Exception):
            await working
        raise


def opened(path: Path, transfer: Transfer, stated: Stated) -> tuple[Table, Columns]:
    """Begin to read a file of this resource; raises Unreadable."""
    known = {*transfer.columns, *transfer.row.model_fields}
    table = open_table(path, known, stated, settings.own().transfers_most_unpacked)
    return table, Columns(transfer, table.header)


async def check(work: Work) -> Counted:
    """Stage every row of a file; raises Unreadable, and Stopped where nobody waits for it."""
    counted, own = Counted(), settings.own()
    database, running, table = work.database, work.running, work.table
    form = {"format": table.format, "encoding": table.encoding, "delimiter": table.delimiter}
    await imports.progress(database, running, **form)
    for number in count(1):
        checked = await in_thread(work.next_rows, own.transfers_batch)
        if not checked:
            break
        known = await _known(work, checked)
        if running.existing is Existing.REFUSE:
            checked = [_refused(each) if each.key in known else each for each in checked]
        good = await in_thread(work.staging.add, checked)
        counted.rows += len(checked)
        counted.valid += len(good)
        counted.known += sum(key in known for key in good)
        if counted.rows > own.transfers_most_rows:
            raise Unreadable(f"the file has more than {own.transfers_most_rows} rows")
        if number % TOLD_EVERY == 0:
            told = {"rows": counted.rows, "valid": counted.valid}
            await imports.progress(database, running, **told)
        else:
            await imports.require_running(database.reads, running)
    return counted


async def _known(work: Work, checked: Sequence[Checked]) -> set[Key]:
    """Return the keys that are in the table; where rows are written one by one, that tells then."""
    if work.running.mode is Mode.PARTIAL:
        return set()
    keys = [each.key for each in checked if each.key is not None]
    return await known_keys(work.database.reads.execute, work.columns.transfer, keys)


def _refused(checked: Checked) -> Checked:
    return Checked(replace(checked.row, error=KNOWN))


async def known_keys(
    execute: Callable[[Select[Any]], Awaitable[Any]], transfer: Transfer, keys: Sequence[Key]
) -> set[Key]:
    """Return those of the keys that are in the table."""
    if not keys:
        return set()
    selected = transfer.listing.rows.selected_columns
    columns = [selected[name] for name in transfer.key]
    rows = transfer.listing.rows.with_only_columns(*columns).where(_among(columns, keys))
    return {tuple(row) for row in await execute(rows)} & set(keys)


def _among(columns: Sequence[ColumnElement[Any]], keys: Sequence[Key]) -> ColumnElement[bool]:
    if len(columns) == 1:
        return columns[0].in_([key[0] for key in keys])
    return tuple_(*columns).in_(keys)
