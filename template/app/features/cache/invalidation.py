"""`drop`: entries end when the transaction that makes them stale commits, and never otherwise."""

from __future__ import annotations

from sqlalchemy import event
from sqlalchemy.orm import Session
from sqlalchemy.util import await_only

from app.core.database import WriteSession
from app.features.cache import default_store

_TAGS = "tags to drop"


def drop(session: WriteSession, *tags: str) -> None:
    """Drop every entry with one of `tags` right after this transaction has committed.

    The commit returns when they are dropped, so a client that has its answer reads its own write.
    """
    pending: set[str] = session.info.setdefault(_TAGS, set())
    if not pending:
        event.listen(session.sync_session, "after_commit", _drop_pending)
    pending |= set(tags)


def _drop_pending(session: Session) -> None:
    # A savepoint that is released has committed nothing yet.
    if not session.in_nested_transaction():
        await_only(default_store.store().drop(session.info.pop(_TAGS, set())))
