"""Answers kept under a client's key, so that a repeated request has one effect and one answer.

A row is claimed before the effect and gets the answer after it, all in the effect's transaction: an
answer is stored if and only if the effect is. A concurrent duplicate waits in the database for that
transaction to end, and then finds the answer, or, where it was rolled back, has the claim itself.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import JSON, Index, String, bindparam, delete, not_, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base, Database, WriteSession, table_of
from app.core.inserting import inserted
from app.core.pruning import prune

CLAIM_ATTEMPTS = 3


class AnswerRow(Base):
    """One request that was made under a key, and what it was answered."""

    __tablename__ = "idempotency"
    __table_args__ = (Index(None, "expires_at"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None]
    headers: Mapped[dict[str, str] | None] = mapped_column(JSON)
    body: Mapped[bytes | None]
    expires_at: Mapped[datetime]


@dataclass(frozen=True)
class Answer:
    """What a request was answered, and the fingerprint of that request."""

    fingerprint: str
    status: int
    headers: dict[str, str]
    body: bytes


class Contended(Exception):
    """Another request has this claim, and its end cannot be waited for."""


_ROW = table_of(AnswerRow)
_THIS = _ROW.c.id == bindparam("answer_id")
_EXPIRED_NOW = _ROW.c.expires_at <= bindparam("now")
_FIND = select(_ROW.c.fingerprint, _ROW.c.status, _ROW.c.headers, _ROW.c.body).where(
    _THIS, not_(_EXPIRED_NOW)
)
_FORGET = delete(_ROW).where(_THIS, _EXPIRED_NOW)
_KEEP = update(_ROW).where(_THIS)


def answer_id(*scope: str) -> str:
    """Return the id of an answer, the same for the same caller, endpoint and key only."""
    return hashlib.sha256("\0".join(scope).encode()).hexdigest()


async def claim(
    session: WriteSession, id_: str, fingerprint: str, lifetime: timedelta
) -> Answer | None:
    """Claim the effect of a request: None means that it is ours, otherwise it has this answer.

    Raises Contended when another request has it and the database does not let us wait for its end.
    """
    try:
        return await _claim(session, id_, fingerprint, lifetime)
    except OperationalError as error:
        # A lock was waited for too long, or several waiters have met in a deadlock (InnoDB).
        if error.connection_invalidated:
            raise
        raise Contended(id_) from error


async def _claim(
    session: WriteSession, id_: str, fingerprint: str, lifetime: timedelta
) -> Answer | None:
    now = datetime.now(UTC)
    row = {"id": id_, "fingerprint": fingerprint, "expires_at": now + lifetime}
    for _ in range(CLAIM_ATTEMPTS):
        if await inserted(session, _ROW, row):
            return None
        found = (await session.execute(_FIND, {"answer_id": id_, "now": now})).one_or_none()
        if found is not None:
            return Answer(*found)
        await session.execute(_FORGET, {"answer_id": id_, "now": now})
    raise Contended(id_)


async def keep(session: WriteSession, id_: str, answer: Answer) -> None:
    """Store the answer of a request that was claimed in this transaction."""
    await session.execute(
        _KEEP,
        {
            "answer_id": id_,
            "status": answer.status,
            "headers": answer.headers,
            "body": answer.body,
        },
    )


async def delete_expired(database: Database) -> int:
    """Delete one batch of expired answers; return how many there were."""
    # A key that was used again since it was found is not expired any more.
    return await prune(database, _ROW.c.id, _ROW.c.expires_at <= datetime.now(UTC))
