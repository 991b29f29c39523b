"""The SQL that a revision would run, each statement with its line: Alembic's offline mode, parsed.

What asks the database first can be read as far as that; after it, its texts of SQL are.
"""

from __future__ import annotations

import ast
import io
import logging
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from unittest.mock import patch

import sqlglot
from alembic.operations import Operations, ops
from alembic.operations.base import AbstractOperations, BatchOperations
from alembic.operations.batch import BatchOperationsImpl
from alembic.operations.ops import MigrateOperation
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlglot.errors import SqlglotError
from sqlglot.expressions import Expression

from migrate.graph import Revision
from migrate.project import alembic_config

SQLGLOT = {"postgresql": "postgres", "mysql": "mysql", "mariadb": "mysql", "sqlite": "sqlite"}
STARTS = re.compile(
    r"\s*(alter|create|drop|truncate|update|delete|insert|rename|commit|rollback|vacuum|lock)\s",
    re.IGNORECASE,
)
FILLED = re.compile(r"%(\(\w+\))?[sdr]|\{\w*\}")
BODY = re.compile(
    r"\$(\w*)\$\s*(?:begin\b)?(.*?)(?:\bend\b;?\s*)?\$\1\$", re.IGNORECASE | re.DOTALL
)
logging.getLogger("sqlglot").setLevel(logging.ERROR)  # what it does not know is a Command to it


@dataclass(frozen=True)
class Statement:
    """One statement, by the operation that asks for it; raw SQL has Alembic's ExecuteSQLOp."""

    sql: str
    line: int
    autocommit: bool
    batch: bool
    operation: MigrateOperation | None
    trees: Sequence[Expression]


@dataclass
class Reading:
    """What one function of a revision does, and why the rest of it cannot be read."""

    statements: list[Statement] = field(default_factory=list)
    problem: str | None = None


@dataclass(frozen=True)
class Source:
    """A revision's module and text; each of its functions is read once, for a kind of database."""

    module: ModuleType
    text: str
    dialect: str

    @cached_property
    def upgrade(self) -> Reading:
        return _read(self.module, "upgrade", self.text, self.dialect)

    @cached_property
    def downgrade(self) -> Reading:
        return _read(self.module, "downgrade", self.text, self.dialect)


def sources(url: str, revisions: Iterable[Revision], dialect: str) -> dict[Revision, Source]:
    """Return the sources of revisions, in their order."""
    scripts = ScriptDirectory.from_config(alembic_config(url))
    return {
        one: Source(scripts.get_revision(one.id).module, one.path.read_text("utf-8"), dialect)
        for one in revisions
    }


def _read(module: ModuleType, function: str, source: str, dialect: str) -> Reading:
    """Return what the function would run on that kind of database."""
    recorder = _Recorder(module, dialect)
    try:
        with recorder.reading():
            getattr(module, function)()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it raises without a database
        recorder.found.problem = f"{type(error).__name__}: {error}"
        known = {one.line for one in recorder.found.statements}
        for line, text in _texts(source, function):
            if line not in known:
                recorder.add(text, line)
    return recorder.found


def parse(sql: str, dialect: str) -> list[Expression]:
    """Return the statements of a text; none where it cannot be read."""
    if sql.lstrip().lower().startswith("do ") and (body := BODY.search(sql)):
        return [tree for one in body[2].split(";") for tree in parse(one, dialect)]
    try:
        found = sqlglot.parse(sql, read=SQLGLOT[dialect])
        return [one for one in found if isinstance(one, Expression)]
    except SqlglotError:
        return []


class _Recorder(io.StringIO):
    """Where Alembic writes its SQL."""

    def __init__(self, module: ModuleType, dialect: str) -> None:
        super().__init__()
        self.module, self.dialect = module, dialect
        self.found = Reading()
        self.operation: MigrateOperation | None = None
        self.batch, self.blocks = False, 0
        # SQLite recreates a table instead of changing it: what PostgreSQL says is as telling.
        self.plain = Operations(self._context("postgresql" if dialect == "sqlite" else dialect))
        self.context = self.plain.migration_context if dialect != "sqlite" else None

    def write(self, text: str) -> int:
        sql = text.strip().rstrip(";")
        if sql and (self.operation is not None or STARTS.match(text)):
            self.add(sql, _line_in(self.module))
        return len(text)

    def add(self, sql: str, line: int) -> None:
        trees = parse(sql, self.dialect)
        about = (bool(self.blocks), self.batch, self.operation)
        self.found.statements.append(Statement(sql, line, *about, trees))

    @contextmanager
    def reading(self) -> Iterator[None]:
        context = self.context or self._context(self.dialect)
        invoke = AbstractOperations.invoke

        def told(own: AbstractOperations, operation: MigrateOperation) -> object:
            self.operation, self.batch = operation, isinstance(own, BatchOperations)
            try:
                if isinstance(operation, ops.BulkInsertOp):
                    return self.write(f"INSERT INTO {operation.table.name} DEFAULT VALUES")
                return invoke(self.plain if self.batch else own, operation)
            finally:
                self.operation, self.batch = None, False

        with ExitStack() as stack:
            stack.enter_context(Operations.context(context))
            stack.enter_context(patch.object(AbstractOperations, "invoke", told))
            stack.enter_context(patch.object(BatchOperationsImpl, "flush", lambda _: None))
            yield

    def _context(self, dialect: str) -> MigrationContext:
        style = {"paramstyle": "named"}
        options = {"as_sql": True, "output_buffer": self}
        context = MigrationContext.configure(dialect_name=dialect, dialect_opts=style, opts=options)

        @contextmanager
        def counted() -> Iterator[None]:
            self.blocks += 1
            yield
            self.blocks -= 1

        context.autocommit_block = counted  # type: ignore[method-assign]
        return context


def _texts(source: str, function: str) -> Iterator[tuple[int, str]]:
    """Yield the texts of SQL in a function, with their lines; what is filled in reads as x."""
    bodies = [one for one in ast.parse(source).body if getattr(one, "name", "") == function]
    for node in [node for body in bodies for node in ast.walk(body)]:
        text = ""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        elif isinstance(node, ast.JoinedStr):
            parts = [getattr(part, "value", None) for part in node.values]
            text = "".join(part if isinstance(part, str) else "x" for part in parts)
        if STARTS.match(text):
            yield getattr(node, "lineno", 0), FILLED.sub("x", text)


def _line_in(module: ModuleType) -> int:
    frame = sys._getframe()  # noqa: SLF001 - nothing else tells the line without a traceback
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_globals is module.__dict__:
            return frame.f_lineno
    return 0
