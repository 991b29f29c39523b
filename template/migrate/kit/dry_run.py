"""Reading what a revision would do, without doing it: its operations, each with its line."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType

from alembic.operations import Operations
from alembic.operations.ops import MigrateOperation
from alembic.runtime.migration import MigrationContext

from migrate.errors import MigrationFailed
from migrate.kit.operations import captured

FUNCTIONS = {"up": "upgrade", "down": "downgrade"}


@dataclass(frozen=True)
class Step:
    """An operation where a revision asks for it."""

    operation: MigrateOperation
    line: int
    autocommit: bool
    batch: bool


class NotReadable(MigrationFailed):
    """A revision asks the database before it says what it does."""


def capture(module: ModuleType, direction: str, dialect: str) -> list[Step]:
    """Return what the function would do; raises NotReadable where it must be run to know."""
    found: list[Step] = []
    options = {"as_sql": True, "output_buffer": io.StringIO()}
    context = MigrationContext.configure(dialect_name=dialect, opts=options)
    blocks = _count_autocommit_blocks(context)

    def receive(operation: MigrateOperation, batch: bool) -> None:
        found.append(Step(operation, _line_in(module), bool(blocks), batch))

    try:
        with Operations.context(context), captured(receive):
            getattr(module, FUNCTIONS[direction])()
    except Exception as error:
        name = FUNCTIONS[direction]
        message = f"{name}() cannot be read without running it: {type(error).__name__}: {error}"
        raise NotReadable(message) from error
    return found


def _count_autocommit_blocks(context: MigrationContext) -> list[None]:
    open_blocks: list[None] = []
    original = context.autocommit_block

    @contextmanager
    def counted() -> Iterator[None]:
        open_blocks.append(None)
        with original():
            yield
        open_blocks.pop()

    context.autocommit_block = counted  # type: ignore[method-assign]
    return open_blocks


def _line_in(module: ModuleType) -> int:
    frame = sys._getframe()  # noqa: SLF001 - nothing else tells the line without a traceback
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_globals is module.__dict__:
            return frame.f_lineno
    return 0
