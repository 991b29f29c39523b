"""What a statement gave, and how it is given again: rows, counts, an id, or an error."""

# ruff: noqa: ANN401 - rows and errors of any driver
from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from migrate.kit import values
from migrate.kit.journal_table import Entry
from migrate.transaction import WatchedCursor

if TYPE_CHECKING:
    from migrate.kit.journal import Journal

# Rows that are kept of a cursor which the server streams; of others what the journal has room for.
MOST_STREAMED = 1000
# What every driver calls its errors (PEP 249).
STANDARD = frozenset({"IntegrityError", "OperationalError", "ProgrammingError", "DataError"})
STANDARD |= {"InternalError", "NotSupportedError", "DatabaseError", "InterfaceError"}
Row = tuple[Any, ...]


@dataclass
class Result:
    """What came back, or that it cannot be given again."""

    description: list[Row] | None = None
    rows: list[Row] = field(default_factory=list)
    row_count: int = 0
    last_id: Any = None
    variables: dict[str, Any] = field(default_factory=dict)
    is_personal: bool = False
    is_lost: bool = False
    failed: list[Any] | None = None

    def packed(self, most: int = 65_536) -> str:
        """Return it as JSON; without its rows where they are too many, or not to be written so."""
        told = {"last_id": self.last_id, "variables": self.variables, "temp": self.is_personal}
        rows = {"description": self.description, "rows": self.rows}
        if not self.is_lost and (text := values.packed(told | rows, most)):
            return text
        return values.packed(told, most) or json.dumps({"dict": [["lost", True]]})

    @classmethod
    def of(cls, entry: Entry) -> Result:
        """Return what a row of the journal has."""
        if entry.state == "failed":
            return cls(failed=values.unpacked(entry.output or "null"))
        if entry.output is None:
            return cls(row_count=entry.row_count)
        told = values.unpacked(entry.output)
        return cls(
            told.get("description"),
            told.get("rows", []),
            entry.row_count,
            told.get("last_id"),
            told.get("variables", {}),
            told.get("temp", False),
            "rows" not in told,
        )

    def error(self, driver: Any) -> Exception:
        """Return the error again."""
        name, arguments = self.failed or ("DatabaseError", ("failed",))
        error: Exception = getattr(driver, name)(*arguments)
        return error


def not_resumable(entry: Entry) -> str | None:
    """Say why a run cannot go on after the statement, where it cannot."""
    result = Result.of(entry)
    if result.is_personal:
        return "made a temporary table, which is gone"
    return "returned more than the journal keeps" if result.is_lost else None


def error_of(error: Exception) -> str | None:
    """Return an error of the driver's as JSON, by its name in the standard of drivers."""
    named = [kind.__name__ for kind in type(error).__mro__ if kind.__name__.endswith("Error")]
    name = next((one for one in named if one in STANDARD), "DatabaseError")
    return values.packed((name, error.args), 65_536) or values.packed((name, [str(error)]), 65_536)


def result_of(cursor: RecordedCursor, variables: dict[str, Any]) -> Result:
    """Take all that a cursor has, to be given from here."""
    real = cursor._real  # noqa: SLF001 - what stands for it
    result = Result(row_count=max(0, real.rowcount), variables=variables)
    result.last_id = getattr(real, "lastrowid", None)
    if real.description:
        streams = bool(getattr(real, "name", None)) or "SS" in type(real).__name__
        result.rows = list(real.fetchmany(MOST_STREAMED)) if streams else list(real.fetchall())
        result.is_lost = streams and len(result.rows) == MOST_STREAMED
        result.description = [tuple(column)[:7] for column in real.description]
    if result.description is not None:
        cursor.keep(result)
    return result


class RecordedCursor(WatchedCursor):
    """The driver's cursor; what it gives may be that of an earlier run."""

    own = WatchedCursor.own | {"_kept", "_told", "_goes_on"}

    def __init__(self, real: Any, watch: Journal) -> None:
        """Give nothing yet."""
        super().__init__(real, watch)
        self._kept: deque[Row] = deque()
        self._told: Result | None = None
        self._goes_on = True

    def keep(self, result: Result) -> None:
        """Give these rows, and then what the driver's cursor still has."""
        self._kept, self._goes_on = deque(result.rows), result.is_lost

    def serve(self, result: Result) -> None:
        """Give what an earlier run was given."""
        self._kept, self._told = deque(map(tuple, result.rows)), result
        self._goes_on = False

    def _sent(self, call: Callable[[object], object], sql: Any, parameters: Any) -> Any:
        watch: Any = self._watch
        self._told, self._goes_on = None, True
        self._kept.clear()
        if not watch.watching:
            return super()._sent(call, sql, parameters)
        result = watch.sent(self, call, sql, parameters)
        return self if result is self._real else result

    @property
    def description(self) -> Any:
        return self._told.description if self._told else self._real.description

    @property
    def rowcount(self) -> int:
        return int(self._told.row_count if self._told else self._real.rowcount)

    @property
    def lastrowid(self) -> Any:
        return self._told.last_id if self._told else self._real.lastrowid

    def fetchone(self) -> Any:
        if self._kept:
            return self._kept.popleft()
        return self._real.fetchone() if self._goes_on else None

    def fetchmany(self, size: int | None = None) -> list[Row]:
        wanted = self._real.arraysize if size is None else size
        found = [self._kept.popleft() for _ in range(min(wanted, len(self._kept)))]
        more = self._goes_on and len(found) < wanted
        return [*found, *self._real.fetchmany(wanted - len(found))] if more else found

    def fetchall(self) -> list[Row]:
        found = list(self._kept)
        self._kept.clear()
        return [*found, *self._real.fetchall()] if self._goes_on else found

    def __iter__(self) -> Iterator[Row]:
        while (row := self.fetchone()) is not None:
            yield row
