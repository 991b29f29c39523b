"""The job that does what a message asks for: once, and never after something newer."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import structlog
from pydantic import ValidationError

from app.core.errors import InvalidInput
from app.core.jobs import Attempt, job
from app.features.webhooks.incoming import actions, fetching, inbox, ordering, settings
from app.features.webhooks.incoming.actions import Action, Refused
from app.features.webhooks.incoming.inbox import APPLY, Waiting
from app.features.webhooks.incoming.models import State
from app.settings import Settings

logger = structlog.get_logger(__name__)

# About an hour: long enough for what a message needs to come after it.
MOST_ATTEMPTS = 14


class _Process:
    """By what this process works."""

    settings: Settings | None = None


def configure(of_process: Settings) -> None:
    """Let the jobs of this process fetch files by these settings."""
    _Process.settings = of_process


@job(APPLY, max_attempts=MOST_ATTEMPTS, time_limit=timedelta(minutes=2))
async def apply(attempt: Attempt, message: UUID) -> None:
    """Apply a message, unless that was done or comes too late."""
    found = await inbox.waiting(attempt.reads, message)
    if found is None:
        return
    try:
        await _apply(attempt, found, _action(found))
    except (Refused, InvalidInput) as error:
        await _end(attempt, found, State.FAILED, str(error))
    except Exception as error:
        if attempt.finished or attempt.job.attempts < MOST_ATTEMPTS:
            raise
        logger.exception("webhook.failed", source=found.source)
        await _end(attempt, found, State.FAILED, f"{type(error).__name__}: {error}")


def _action(found: Waiting) -> Action:
    """Read it again: the code may be newer than the message is."""
    try:
        return actions.contents()[found.module].validate_json(found.content)
    except KeyError as error:
        raise Refused(f"the module {found.module} does nothing for webhooks") from error
    except ValidationError as error:
        what = "action" if actions.is_unknown(error) else "content"
        raise Refused(f"its {what} is nothing that {found.module} knows") from error


async def _apply(attempt: Attempt, found: Waiting, action: Action) -> None:
    subject = ordering.digest(found.source, found.module, action.subject)
    if late := ordering.staleness(action, await ordering.look(attempt.reads, subject)):
        await _end(attempt, found, State.STALE, late)
        return
    file = await _fetched(action)
    async with attempt.finishes() as session:
        if not await inbox.is_waiting(session, found.id):
            return
        applied = await ordering.locked(session, subject)
        if late := ordering.staleness(action, applied):
            await inbox.end(session, found.id, State.STALE, late)
            return
        await action.apply(session, file)
        await ordering.note(session, subject, ordering.noted(action, applied))
        await inbox.end(session, found.id, State.APPLIED)


async def _fetched(action: Action) -> bytes:
    if action.download is None:
        return b""
    process = _Process.settings or Settings()
    own = settings.read(process)
    return await fetching.fetch(
        action.download,
        process,
        most_bytes=own.webhooks_fetch_max_bytes,
        within=own.webhooks_fetch_timeout,
    )


async def _end(attempt: Attempt, found: Waiting, state: State, detail: str) -> None:
    async with attempt.finishes() as session:
        if await inbox.is_waiting(session, found.id):
            await inbox.end(session, found.id, state, detail)
