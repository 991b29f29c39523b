"""Asking once for a job that does whatever there is to do when it runs."""

from __future__ import annotations

from app.core import outbox
from app.core.database import WriteSession


async def enqueue_once(session: WriteSession, actor: str, **arguments: object) -> None:
    """Ask for a job, unless this transaction has; a savepoint, which may be undone, asks anew."""
    savepoint = session.sync_session.get_nested_transaction()
    asked: set[object] = session.info.setdefault((enqueue_once, savepoint), set())
    wanted = (actor, *sorted(arguments.items()))
    if wanted not in asked:
        asked.add(wanted)
        await outbox.enqueue(session, actor, **arguments)
