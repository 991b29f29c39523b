"""The rows of one file while it is worked on: in a temporary database of SQLite's, and not in
memory.

It is gone with its process: the next one reads the file again.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic_core import to_json

from app.features.transfers.incoming.tables import Row

CACHE_KIB = 8192


Key = tuple[Any, ...]


@dataclass(frozen=True)
class Checked:
    """A row, and its key; without one it has an error."""

    row: Row
    key: Key | None = None


class Staging:
    """The rows that were read so far."""

    def __init__(self) -> None:
        # Threads take turns.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for statement in (
            f"PRAGMA cache_size = -{CACHE_KIB}",
            "PRAGMA synchronous = OFF",
            "CREATE TABLE rows (number INTEGER PRIMARY KEY, cells TEXT NOT NULL, error TEXT)",
            "CREATE TABLE keys (key BLOB PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID",
            "BEGIN",
        ):
            self._database.execute(statement)

    def add(self, checked: Sequence[Checked]) -> list[Key]:
        """Keep rows, and find which have the key of an earlier one; return those of good ones."""
        rows = [self._unlike(each) for each in checked]
        self._database.executemany(
            "INSERT INTO rows VALUES (?, ?, ?)",
            ((row.number, json.dumps(row.cells), row.error) for row in rows),
        )
        keys = zip(rows, checked, strict=True)
        return [each.key for row, each in keys if row.error is None and each.key is not None]

    def refuse(self, errors: Mapping[int, str]) -> None:
        """Keep why rows could not be written."""
        update = "UPDATE rows SET error = ? WHERE number = ?"
        self._database.executemany(update, ((error, number) for number, error in errors.items()))

    def good(self, after: int, size: int) -> Iterator[list[Row]]:
        """Yield the rows without an error after one of that number, in batches."""
        wanted = "SELECT * FROM rows WHERE number > ? AND error IS NULL ORDER BY number LIMIT ?"
        while rows := self._rows(wanted, after, size):
            yield rows
            after = rows[-1].number

    def bad(self) -> Iterator[Row]:
        wanted = "SELECT * FROM rows WHERE error IS NOT NULL ORDER BY number"
        for number, cells, error in self._database.execute(wanted):
            yield Row(number, json.loads(cells), error)

    def count_bad(self) -> int:
        counting = "SELECT count(*) FROM rows WHERE error IS NOT NULL"
        return int(self._database.execute(counting).fetchone()[0])

    def close(self) -> None:
        self._database.close()

    def _rows(self, wanted: str, *values: int) -> list[Row]:
        found = self._database.execute(wanted, values)
        return [Row(number, json.loads(cells), error) for number, cells, error in found]

    def _unlike(self, checked: Checked) -> Row:
        if checked.key is None:
            return checked.row
        key = hashlib.blake2b(to_json(checked.key), digest_size=16).digest()
        insert = "INSERT OR IGNORE INTO keys VALUES (?, ?)"
        if self._database.execute(insert, (key, checked.row.number)).rowcount:
            return checked.row
        same = "SELECT number FROM keys WHERE key = ?"
        number = self._database.execute(same, (key,)).fetchone()[0]
        return replace(checked.row, error=f"its key is that of row {number}")
