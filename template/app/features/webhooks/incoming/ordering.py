"""In which order what was received takes effect: newest last, whatever comes first."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self, cast

from pydantic import JsonValue
from sqlalchemy import bindparam, select, update

from app.core.database import ReadConnection, WriteSession, table_of
from app.core.inserting import inserted
from app.features.webhooks.incoming.actions import Action
from app.features.webhooks.incoming.models import WebhookSubject

# The part of a subject that every other one depends on.
DELETED = "deleted"

_SUBJECTS = table_of(WebhookSubject)
_THIS = _SUBJECTS.c.digest == bindparam("subject")
_FIND = select(_SUBJECTS.c.applied).where(_THIS)
_LOCK = _FIND.with_for_update()
_NOTE = update(_SUBJECTS).where(_THIS)


@dataclass(frozen=True)
class Mark:
    """How new something is, as its sender says."""

    timestamp: datetime
    version: int | None

    @classmethod
    def of(cls, action: Action) -> Self:
        return cls(action.timestamp.astimezone(UTC), action.version)

    @classmethod
    def read(cls, stored: JsonValue) -> Self:
        timestamp, version = cast("list[JsonValue]", stored)
        return cls(datetime.fromisoformat(str(timestamp)), cast("int | None", version))

    def written(self) -> JsonValue:
        return [self.timestamp.isoformat(), self.version]

    def is_older(self, other: Mark) -> bool:
        if self.version is not None and other.version is not None:
            return self.version < other.version
        return self.timestamp < other.timestamp


Applied = Mapping[str, Mark]


def staleness(action: Action, applied: Applied) -> str | None:
    """Say why an action comes too late; None: it does not."""
    mark = Mark.of(action)
    deleted, same = applied.get(DELETED), applied.get(action.part)
    if same is not None and mark.is_older(same):
        return f"newer was applied already: {_told(same)}"
    # At the same time, the deletion was the last.
    if deleted is not None and not action.deletes and not deleted.is_older(mark):
        return f"it was deleted since: {_told(deleted)}"
    return None


def _told(mark: Mark) -> str:
    version = "" if mark.version is None else f"version {mark.version} of "
    return f"{version}{mark.timestamp:%Y-%m-%d %H:%M:%S} UTC"


def noted(action: Action, applied: Applied) -> Applied:
    """Return what is applied with this action."""
    mark = Mark.of(action)
    own = {action.part: mark}
    return {**applied, **own, DELETED: mark} if action.deletes else {**applied, **own}


def digest(source: str, module: str, subject: str) -> str:
    """Return what the subject is known by here: nobody can tell from it who that is."""
    return hashlib.sha256(f"{source}\0{module}\0{subject}".encode()).hexdigest()


async def look(reads: ReadConnection, subject: str) -> Applied:
    """Return what was applied to a subject, given as its digest."""
    found = await reads.execute(_FIND, {"subject": subject})
    return _read(found.scalar_one_or_none() or {})


async def locked(session: WriteSession, subject: str) -> Applied:
    """Return it, and let nobody else apply anything to it before this transaction ends."""
    for _ in range(2):
        found = await session.execute(_LOCK, {"subject": subject})
        if (applied := found.scalar_one_or_none()) is not None:
            return _read(applied)
        if await inserted(session, _SUBJECTS, {"digest": subject, "applied": {}}):
            break
    return {}


async def note(session: WriteSession, subject: str, applied: Applied) -> None:
    """Write down what is applied to a locked subject."""
    written = {part: mark.written() for part, mark in applied.items()}
    await session.execute(_NOTE.values(applied=written), {"subject": subject})


def _read(stored: Mapping[str, JsonValue]) -> Applied:
    return {part: Mark.read(mark) for part, mark in stored.items()}
