"""Changing many rows in small transactions, whatever ends it: the next run goes on where it ended.

A backfill is a module `migrate/backfills/NAME.py` with a `table`, its `key` (a column that sorts),
the `values` to set, and a condition `where`; it is finished when that finds nothing any more. With
`where = None` each row is changed once:

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
from datetime import UTC, date, datetime
from datetime import time as clock
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
    Text,
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
    Column("last_key", Text),
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

    last_key: str | None = None
    rows: int = 0
    finished: bool = False


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
    """Import a backfill; raises MigrationFailed where there is none, or it is not one."""
    if name not in (known := names()):
        there = f"there are {', '.join(known)}" if known else "there is none yet"
        raise MigrationFailed(f"there is no backfill {name}: {there} (migrate/backfills)")
    try:
        module: Any = import_module(f"migrate.backfills.{name}")
    except Exception as error:
        message = f"migrate/backfills/{name}.py cannot be read: {type(error).__name__}: {error}"
        raise MigrationFailed(message) from error
    if missing := [one for one in Backfill.__annotations__ if not hasattr(module, one)]:
        raise MigrationFailed(f"migrate/backfills/{name}.py has no {', '.join(missing)}")
    backfill: Backfill = module
    return backfill


def reached(connection: Connection, name: str) -> Reached:
    """Return how far it has come."""
    if not inspect(connection).has_table(STATE.name):
        return Reached()
    row = connection.execute(select(STATE).where(STATE.c.name == name)).mappings().one_or_none()
    if row is None:
        return Reached()
    return Reached(row["last_key"], row["rows_done"], finished=row["finished_at"] is not None)


def left(connection: Connection, backfill: Backfill, now: Reached) -> int:
    """Return how many rows there are to change."""
    if now.finished and backfill.where is None:
        return 0
    ahead = _ahead(backfill, now) if backfill.where is None else backfill.where
    query = select(func.count()).select_from(backfill.table).where(ahead)
    return int(connection.execute(query).scalar_one())


def batch(engine: Engine, name: str, backfill: Backfill, size: int) -> Reached:
    """Change the next rows, and note that, in one transaction; after the last, look again."""
    with engine.begin() as connection:
        # Another process that does the same waits here, and goes on after this batch.
        connection.execute(select(STATE.c.name).where(STATE.c.name == name).with_for_update())
        before = reached(connection, name)
        ahead = _ahead(backfill, before)
        keys = select(backfill.key).where(ahead).order_by(backfill.key).limit(size)
        last = list(connection.execute(keys).scalars())[-1:]
        if last:
            change = update(backfill.table).values(dict(backfill.values))
            changed = connection.execute(change.where(ahead, backfill.key <= last[0])).rowcount
            now = Reached(_written(last[0]), before.rows + changed)
        else:
            done = backfill.where is None or not left(connection, backfill, before)
            again = before.last_key if backfill.where is None else None
            now = Reached(again, before.rows, finished=done)
        finished = datetime.now(UTC).replace(tzinfo=None) if now.finished else None
        values = {"last_key": now.last_key, "rows_done": now.rows, "finished_at": finished}
        connection.execute(update(STATE).where(STATE.c.name == name).values(values))
        return now


def run(
    engine: Engine, name: str, size: int, target: float, told: Callable[[Reached, float], None]
) -> Reached:
    """Run the batches to the end, each so large that it takes about `target` seconds."""
    backfill = load(name)
    _begin(engine, name)
    ends: list[int] = []
    while True:
        begun = time.monotonic()
        now = batch(engine, name, backfill, size)
        seconds = time.monotonic() - begun
        if now.finished:
            return now
        if now.last_key is None:
            ends.append(_left_over(engine, name, backfill, ends))
            continue
        told(now, seconds)
        factor = min(2.0, max(0.5, target / max(seconds, 0.001)))
        size = int(min(LARGEST, max(SMALLEST, size * factor)))


def _begin(engine: Engine, name: str) -> None:
    STATE.create(engine, checkfirst=True)
    with engine.begin() as connection:
        known = connection.execute(select(STATE.c.name).where(STATE.c.name == name)).first()
        if known is None:
            connection.execute(STATE.insert().values(name=name, rows_done=0))


def _left_over(engine: Engine, name: str, backfill: Backfill, ends: list[int]) -> int:
    """Return how many rows came to `where` meanwhile; refuse to go round for ever."""
    with engine.connect() as connection:
        rows = left(connection, backfill, Reached())
    if len(ends) > 1 and rows >= ends[-1]:
        raise MigrationFailed(
            f"{name}: `where` still finds {rows} rows after `values` were set. Make it find only "
            "what is left to do (and take a `key` that is NULL nowhere), and run it again."
        )
    return rows


def _ahead(backfill: Backfill, before: Reached) -> ColumnElement[bool]:
    own = true() if backfill.where is None else backfill.where
    if before.last_key is None:
        return own
    return own & (backfill.key > _read(before.last_key, backfill.key.type.python_type))


def _written(key: object) -> str:
    """Return a key as text, from which `_read` makes it again."""
    if isinstance(key, bytes | memoryview):
        return bytes(key).hex()
    return key.isoformat() if isinstance(key, date | clock) else str(key)


def _read(text: str, kind: type[Any]) -> object:
    if issubclass(kind, bytes):
        return bytes.fromhex(text)
    return kind.fromisoformat(text) if issubclass(kind, date | clock) else kind(text)
