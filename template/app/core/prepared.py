"""Statements that are compiled once, and run by the driver: what is read most costs least.

SQLAlchemy finds what it has compiled by all that a statement is made of, and makes a result around
the rows. For a page of a list that is as much work as the driver's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Dialect, Select
from sqlalchemy.types import TypeEngine

Values = Mapping[str, object]
Process = Callable[[Any], Any]


class Prepared:
    """A SELECT that is compiled when it is first run; values come by its parameters' names.

    A row is a tuple with its columns as attributes, of the very types that SQLAlchemy gives.
    """

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement
        self._compiled: _Compiled | None = None

    def rows(self, connection: Connection, values: Values) -> Sequence[Any]:
        compiled = self._compiled
        if compiled is None or compiled.dialect is not connection.dialect:
            compiled = self._compiled = _Compiled(self.statement, connection.dialect)
        if compiled.is_final:
            return compiled.rows(connection, values)
        return connection.execute(self.statement, values).all()


class _Compiled:
    """A statement in the words of one dialect."""

    def __init__(self, statement: Select[Any], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        columns = statement.selected_columns
        binds = {compiled.escaped_bind_names.get(n, n): b for b, n in compiled.bind_names.items()}
        self.dialect = dialect
        # Otherwise values change the text, as those of an IN do.
        self.is_final = not (compiled.post_compile_params or compiled.literal_execute_params)
        self._text = str(compiled)
        self._parameters = [binds[name] for name in compiled.positiontup or ()]
        self._bind = [self._kind(each).bind_processor(dialect) for each in self._parameters]
        self._kinds = [self._kind(each) for each in columns]
        # By place, how a value is made of the driver's; known when that has said what it gives.
        self._convert: list[tuple[int, Process]] | None = None
        places = {str(each.key): property(itemgetter(at)) for at, each in enumerate(columns)}
        self._row: Callable[[Any], Any] = type("Row", (tuple,), {"__slots__": (), **places})

    def _kind(self, typed: ColumnElement[Any]) -> TypeEngine[Any]:
        return typed.type.dialect_impl(self.dialect)

    def rows(self, connection: Connection, values: Values) -> Sequence[Any]:
        cursor = connection.connection.cursor()
        try:
            # What SQLAlchemy's own statements end in: with its events, its log and its errors.
            connection._cursor_execute(cursor, self._text, self._bound(values))  # noqa: SLF001
            if self._convert is None:
                self._convert = self._conversions(cursor.description or ())
            return [self._row(self._converted(each)) for each in cursor.fetchall()]
        finally:
            cursor.close()

    def _bound(self, values: Values) -> tuple[object, ...]:
        given = [
            values[each.key] if each.required else values.get(each.key, each.effective_value)
            for each in self._parameters
        ]
        pairs = zip(given, self._bind, strict=True)
        return tuple([value if process is None else process(value) for value, process in pairs])

    def _conversions(self, description: Sequence[Any]) -> list[tuple[int, Process]]:
        found: list[tuple[int, Process]] = []
        for at, (kind, column) in enumerate(zip(self._kinds, description, strict=True)):
            if process := kind.result_processor(self.dialect, column[1]):
                found.append((at, process))
        return found

    def _converted(self, row: Sequence[Any]) -> Sequence[Any]:
        if not self._convert:
            return row
        values = list(row)
        for at, process in self._convert:
            values[at] = process(values[at])
        return values
