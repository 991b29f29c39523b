"""What is looked at before a change: which data would go, which backfills are missing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Select, column, func, inspect, literal_column, select, table

from migrate.errors import MigrationUnsafe
from migrate.graph import Revision
from migrate.kit import backfill, lint
from migrate.kit.offline import Source

Sources = Mapping[Revision, Source]


@dataclass(frozen=True)
class Loss:
    """Data that a plan drops: how many rows have it."""

    table: str
    column: str | None
    rows: int
    waived: bool

    def __str__(self) -> str:
        """Say it in one line."""
        what = f"column {self.column} of {self.table}" if self.column else f"table {self.table}"
        return f"{what}: {self.rows} rows"


def losses(connection: Connection, direction: str, sources: Sources) -> list[Loss]:
    """Return what the plan would drop of what the database holds now."""
    found: list[Loss] = []
    for source in sources.values():
        lines = lint.waived_lines(source.text, lint.LOSES_DATA)
        reading = source.upgrade if direction == "upgrade" else source.downgrade
        for name, part, line in lint.dropped(reading.statements, source.dialect):
            rows = _count(connection, name, part)
            found += [Loss(name, part, rows, line in lines)] if rows is not None else []
    return found


def _count(connection: Connection, name: str, part: str | None) -> int | None:
    """Return how many rows have what would go; nothing when it is not there yet."""
    inspector = inspect(connection)
    if not inspector.has_table(name):
        return None
    query = select(func.count()).select_from(table(name))
    if part is not None:
        if part not in {one["name"] for one in inspector.get_columns(name)}:
            return None
        query = query.where(column(part).is_not(None))
    return int(connection.execute(query).scalar_one())


def require_harmless(connection: Connection, sources: Sources, accepted: Collection[str]) -> None:
    """Refuse what lint finds of tables that hold rows, unless it is accepted by its code."""
    dialect = connection.dialect.name
    refused = lint.HARMS if dialect == "sqlite" else lint.HARMS | lint.LOCKS
    found = [
        f"{revision.path.name}:{one.line}: {one.code} {one.text}"
        for revision, one in lint.Lint(dialect).all_of(sources)
        if one.code in refused.difference(accepted) and _has_rows(connection, one.table)
    ]
    if found and "all" not in accepted:
        listed = "\n".join(found)
        raise MigrationUnsafe(
            f"{listed}\nNothing was changed. Change the revision, waive the finding on its line "
            "with a reason (`# migrate: allow M22 the table is small`), or accept it this once "
            "(`--accept M22`)."
        )


def _has_rows(connection: Connection, name: str) -> bool:
    """Say whether the table holds rows; what cannot be told is taken to."""
    if not name or not inspect(connection).has_table(name):
        return True
    one: Select[tuple[int]] = select(literal_column("1")).select_from(table(name)).limit(1)
    return connection.execute(one).first() is not None


def require_backfills(connection: Connection, sources: Sources) -> None:
    """Refuse revisions whose `needs_backfill` is not finished."""
    needed = {getattr(source.module, "needs_backfill", None) for source in sources.values()}
    for name in sorted(name for name in needed if name):
        now = backfill.reached(connection, name)
        if not now.finished or backfill.left(connection, backfill.load(name), now):
            message = f"first: python -m migrate backfill {name}. Nothing was changed."
            raise MigrationUnsafe(message)
