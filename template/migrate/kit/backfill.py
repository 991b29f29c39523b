"""Changing many rows in small transactions, whatever ends it: the next run goes on where it ended.

A backfill is a module `migrate/backfills/NAME.py` with a `table`, its `key` (a column that sorts),
the `values` to set, and a condition `where` or None:

    table = sa.table("profiles", sa.column("id", sa.Uuid()), sa.column("nickname", sa.String()))
    key = table.c.id
    values = {"nickname": ""}
    where = table.c.nickname.is_(None)

A revision that needs it done says so: `needs_backfill = "NAME"`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Engine,
    MetaData,
    String,
    Table,
    TableClause,
    and_,
    func,
    inspect,
    select,
    true,
    update,
)

from migrate.errors import MigrationFailed

SMALLEST, LARGEST = 100, 50_000
DRAFT = '''"""MESSAGE."""

from __future__ import annotations

import sqlalchemy as sa

table = sa.table("TABLE", sa.column("id", sa.Uuid()), sa.column("COLUMN", sa.String()))
key = table.c.id
values = {"COLUMN": ""}
where = table.c.COLUMN.is_(None)
'''

FOLDER = Path(__file__).parents[1] / "backfills"
STATE = Table(
    "migrate_backfill",
    MetaData(),
    Column("name", String(100), primary_key=True),
    Column("last_key", String(200)),
    Column("rows_done", BigInteger, nullable=False),
    Column("finished_at", DateTime),
)


class Backfill(Protocol):
    """What a module of `migrate.backfills` has."""

    table: TableClause
    key: Column[Any]
    values: Mapping[str, object]
    where: ColumnElement[bool] | None


@dataclass(frozen=True)
class Reached:
    """How far a backfill has come."""

    last_key: str | None
    rows: int
    finished: bool


def draft(name: str, message: str) -> Path:
    """Write a backfill to be filled in; raises FileExistsError."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.py"
    with path.open("x", encoding="utf-8") as file:
        file.write(DRAFT.replace("MESSAGE", message))
    return path


def names() -> list[str]:
    """Return every backfill that there is."""
    return sorted(path.stem for path in FOLDER.glob("[!_]*.py"))


def load(name: str) -> Backfill:
    """Import a backfill; raises MigrationFailed where there is none of that name."""
    if name not in (known := names()):
        there = f"there are {', '.join(known)}" if known else "there is none yet"
        raise MigrationFailed(f"there is no backfill {name}: {there} (migrate/backfills)")
    module: Any = import_module(f"migrate.backfills.{name}")
    backfill: Backfill = module
    return backfill


def reached(connection: Connection, name: str) -> Reached:
    """Return how far it has come."""
    if not inspect(connection).has_table(STATE.name):
        return Reached(None, 0, finished=False)
    row = connection.execute(select(STATE).where(STATE.c.name == name)).mappings().one_or_none()
    if row is None:
        return Reached(None, 0, finished=False)
    return Reached(row["last_key"], row["rows_done"], finished=row["finished_at"] is not None)


def count(connection: Connection, backfill: Backfill, after: Reached) -> int:
    """Return how many rows are left."""
    query = select(func.count()).select_from(backfill.table).where(_after(backfill, after))
    return int(connection.execute(query).scalar_one())


def batch(engine: Engine, name: str, backfill: Backfill, size: int) -> Reached:
    """Change the next rows, and note that, in one transaction."""
    with engine.begin() as connection:
        before = reached(connection, name)
        ahead = _after(backfill, before)
        keys = select(backfill.key).where(ahead).order_by(backfill.key).limit(size)
        last = [row[0] for row in connection.execute(keys)][-1:]
        rows = before.rows
        if last:
            own = true() if backfill.where is None else backfill.where
            change = update(backfill.table).values(dict(backfill.values))
            changed = connection.execute(change.where(ahead, backfill.key <= last[0], own))
            rows += changed.rowcount
        now = Reached(str(last[0]) if last else before.last_key, rows, finished=not last)
        _note(connection, name, now)
        return now


def run(
    engine: Engine, name: str, size: int, target: float, told: Callable[[Reached, float], None]
) -> Reached:
    """Run the batches to the end, each so large that it takes about `target` seconds."""
    backfill = load(name)
    STATE.create(engine, checkfirst=True)
    while True:
        begun = time.monotonic()
        now = batch(engine, name, backfill, size)
        seconds = time.monotonic() - begun
        if now.finished:
            return now
        told(now, seconds)
        factor = min(2.0, max(0.5, target / max(seconds, 0.001)))
        size = int(min(LARGEST, max(SMALLEST, size * factor)))


def _after(backfill: Backfill, before: Reached) -> ColumnElement[bool]:
    if before.last_key is None:
        return true()
    last = backfill.key.type.python_type(before.last_key)
    return and_(backfill.key > last)


def _note(connection: Connection, name: str, now: Reached) -> None:
    finished = datetime.now(UTC).replace(tzinfo=None) if now.finished else None
    values = {"last_key": now.last_key, "rows_done": now.rows, "finished_at": finished}
    changed = connection.execute(update(STATE).where(STATE.c.name == name).values(values))
    if changed.rowcount == 0 and not _exists(connection, name):
        connection.execute(STATE.insert().values(name=name, **values))


def _exists(connection: Connection, name: str) -> bool:
    return connection.execute(select(STATE.c.name).where(STATE.c.name == name)).first() is not None
