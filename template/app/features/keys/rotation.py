"""Rotation: what is planned is done, all of it or nothing, however many do it at once.

Who rotates locks the keys of the kind, and a `slot` is taken by one of them only: whoever loses
begins again, and finds that it is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, cast

import structlog
from sqlalchemy import CursorResult, Delete, Update, case, delete, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from app.core.database import Database, WriteSession
from app.core.inserting import inserted
from app.core.sealing import Reader
from app.features.keys import material, process
from app.features.keys.models import KEYS
from app.features.keys.states import Key, Kind, Make, Move, State, Step, begun_early, plan, told

logger = structlog.get_logger(__name__)

ATTEMPTS = 5
# What a session knows whose keys are not there for others yet, and may never be.
NOT_COMMITTED = "keys"
KEY_COLUMNS = tuple(KEYS.c[each.name] for each in fields(Key))
_WRAPPED = select(KEYS.c.kid, KEYS.c.kind, KEYS.c.algorithm, KEYS.c.wrapped).where(
    KEYS.c.wrapped.is_not(None)
)
_SLOTS: dict[State, object] = {State.NEXT: State.NEXT, State.CURRENT: State.CURRENT}


class Contended(Exception):
    """Others rotate the same keys at the same time."""


class NoSuchKey(Exception):
    """There is no such key, or nothing is to be done about it."""


async def find(reader: Reader) -> list[Key]:
    """Return every key, those of a kind together and the oldest first."""
    wanted = select(*KEY_COLUMNS).order_by(KEYS.c.kind, KEYS.c.created_at)
    return [read_key(row) for row in (await reader.execute(wanted)).mappings()]


def read_key(row: Any) -> Key:  # noqa: ANN401 - a row's mapping, which SQLAlchemy types no further
    values = {each.name: row[each.name] for each in fields(Key)}
    return Key(**values | {"kind": Kind(row["kind"]), "state": State(row["state"])})


def kinds_kept(keys: Sequence[Key]) -> list[Kind]:
    """Return the kinds that are to have keys: those of the settings, and those that have."""
    wanted = {*process.own().keys_kinds, *(key.kind for key in keys)}
    return [kind for kind in Kind if kind in wanted]


def due(keys: Sequence[Key], now: datetime) -> list[Step]:
    """Return every step that is due."""
    return [step for kind in kinds_kept(keys) for step in _due(kind, keys, now)]


def _due(kind: Kind, keys: Sequence[Key], now: datetime) -> list[Step]:
    return plan(kind, [key for key in keys if key.kind is kind], process.own().policy, now)


async def rotate(database: Database, *, begin: Kind | None = None) -> list[Step]:
    """Do what is due, and begin the succession of a kind early; return what was done.

    Raises UnknownMasterKey where there are keys that ours cannot unwrap.
    """

    def steps(keys: Sequence[Key]) -> list[Step]:
        now = datetime.now(UTC)
        found = due(keys, now)
        if begin is not None:
            early = begun_early(begin, [key for key in keys if key.kind is begin])
            # What is due anyway comes first, and the next succession begins another time.
            found += [step for step in _due(begin, keys, now) or early if step not in found]
        return found

    return await _done(database, steps)


async def revoke(database: Database, kid: str) -> list[Step]:
    """Let a key serve for nothing from now on, and another take over; raises NoSuchKey.

    What it is is erased, but for a data key: that opens until all is sealed anew.
    """

    def steps(keys: Sequence[Key]) -> list[Step]:
        key = next((key for key in keys if key.kid == kid), None)
        if key is None or key.state is State.REVOKED:
            raise NoSuchKey(kid)
        others = [each for each in keys if each.kid != kid]
        return [Move(kid, key.state, State.REVOKED), *_due(key.kind, others, datetime.now(UTC))]

    return await _done(database, steps)


async def _done(database: Database, steps: Callable[[Sequence[Key]], list[Step]]) -> list[Step]:
    for attempt in range(ATTEMPTS):
        try:
            async with database.writes() as session:
                found = steps(await _locked(session))
                for step in found:
                    await apply(session, step)
        except (Contended, IntegrityError, OperationalError):
            if attempt == ATTEMPTS - 1:
                raise
            continue
        for step in found:
            logger.info("keys.rotated", step=told(step))
        return found
    return []


async def _locked(session: WriteSession) -> list[Key]:
    rows = await session.execute(_WRAPPED.order_by(KEYS.c.kid).with_for_update())
    for kid, kind, algorithm, wrapped in rows:
        # A new key under another master key than the old ones would divide what is stored.
        process.masters().unwrap(wrapped, material.bound_to(kid, kind, algorithm))
    # Only now: whoever waited sees what the other one has made.
    return await find(session)


async def apply(session: WriteSession, step: Step) -> None:
    """Do one step in this transaction; raises Contended where somebody else has."""
    now = datetime.now(UTC)
    if isinstance(step, Make):
        await _make(session, step, now)
    elif isinstance(step, Move):
        await _once(session, _moved(step).values(since=now))
    else:
        await _once(session, delete(KEYS).where(KEYS.c.kid == step.kid))


async def _make(session: WriteSession, step: Make, now: datetime) -> None:
    kid, algorithm = material.new_kid(), material.algorithm_of(step.kind, process.own())
    bound_to = material.bound_to(kid, step.kind, algorithm)
    # An RSA key takes its time, and others are served meanwhile.
    secret = await asyncio.to_thread(material.new_material, algorithm)
    row = {
        "kid": kid,
        "kind": step.kind,
        "algorithm": algorithm,
        "state": step.state,
        "slot": _SLOTS.get(step.state),
        "since": now,
        "created_at": now,
        "wrapped": process.masters(to_wrap=True).wrap(secret, bound_to),
    }
    if not await inserted(session, KEYS, row):
        raise Contended(step.kind)


def _moved(step: Move) -> Update:
    moved = update(KEYS).where(KEYS.c.kid == step.kid, KEYS.c.state == step.source)
    values: dict[str, object] = {"state": step.target, "slot": _SLOTS.get(step.target)}
    if step.target is State.REVOKED:
        values["wrapped"] = case((KEYS.c.kind == Kind.DATA, KEYS.c.wrapped), else_=None)
    return moved.values(values)


async def _once(session: WriteSession, change: Update | Delete) -> None:
    if cast("CursorResult[Any]", await session.execute(change)).rowcount != 1:
        raise Contended


async def ensure(session: WriteSession, kind: Kind) -> None:
    """Make the first key of a kind in this very transaction, unless somebody else does."""
    keys = [key for key in await find(session) if key.kind is kind]
    for step in plan(kind, keys, process.own().policy, datetime.now(UTC)):
        try:
            await apply(session, step)
        except Contended:
            return
    session.info[NOT_COMMITTED] = True


async def rewrap(database: Database) -> tuple[int, int]:
    """Wrap every key by the first master key; return how many were, and how many there are.

    Raises UnknownMasterKey where one was wrapped by a master key that is not here.
    """
    found = (await database.reads.execute(_WRAPPED)).all()
    masters, changed = process.masters(), 0
    for kid, kind, algorithm, wrapped in found:
        if not masters.is_wrapped_by_first(wrapped):
            bound_to = material.bound_to(kid, kind, algorithm)
            again = masters.wrap(masters.unwrap(wrapped, bound_to), bound_to)
            ours = update(KEYS).where(KEYS.c.kid == kid, KEYS.c.wrapped == wrapped)
            async with database.writes() as session:
                result = await session.execute(ours.values(wrapped=again))
            changed += cast("CursorResult[Any]", result).rowcount
    return changed, len(found)
