"""What is looked at before a change: which data would go, which backfills are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, column, func, inspect, make_url, select, table

from migrate.engine import make_engine
from migrate.errors import MigrationUnsafe
from migrate.kit import backfill, lint
from migrate.kit.dry_run import NotReadable, capture
from migrate.project import alembic_config


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


def losses(url: str, direction: str, revisions: Sequence[str]) -> list[Loss]:
    """Return what the plan would drop of what the database holds now."""
    found: list[Loss] = []
    dialect = make_url(url).get_backend_name()
    with make_engine(url).connect() as connection:
        for script in _scripts(url, revisions):
            for name, part, waived in _dropped(script, direction, dialect):
                rows = _count(connection, name, part)
                found += [Loss(name, part, rows, waived)] if rows is not None else []
    return found


def _dropped(script: Script, direction: str, dialect: str) -> list[tuple[str, str | None, bool]]:
    try:
        steps = capture(script.module, "up" if direction == "upgrade" else "down", dialect)
    except NotReadable:
        return []  # it asks the database first: lint says so (M00)
    lines = lint.waived_lines(script.path, lint.LOSES_DATA)
    return [(*lint.losses([step])[0], step.line in lines) for step in steps if lint.losses([step])]


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


def require_backfills(url: str, revisions: Sequence[str]) -> None:
    """Refuse revisions whose `needs_backfill` is not finished."""
    needed = {getattr(script.module, "needs_backfill", None) for script in _scripts(url, revisions)}
    with make_engine(url).connect() as connection:
        for name in sorted(name for name in needed if name):
            if not backfill.reached(connection, name).finished:
                message = f"first: python -m migrate backfill {name}. Nothing was changed."
                raise MigrationUnsafe(message)


def _scripts(url: str, revisions: Sequence[str]) -> list[Script]:
    scripts = ScriptDirectory.from_config(alembic_config(url))
    return [scripts.get_revision(revision) for revision in revisions]
