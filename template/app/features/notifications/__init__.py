"""Notifications: mail and text messages, rows before they are sent, and sent once.

    await send_mail(session, Mail("ada@example.com", "Welcome", text), key=f"welcome:{profile.id}")

The message exists if and only if the transaction commits; a job hands it to the server after that.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.core.runner import JobProcess, surround
from app.features.notifications import jobs
from app.features.notifications.mail import Attachment, Mail
from app.features.notifications.messages import Sms, send_mail, send_sms
from app.settings import Settings

if TYPE_CHECKING:
    import dramatiq
    from fastapi import FastAPI

__all__ = [
    "Attachment",
    "Mail",
    "Sms",
    "install",
    "install_worker",
    "jobs",
    "send_mail",
    "send_sms",
]


def install(app: FastAPI) -> None:
    """Let providers say what became of messages."""
    from app.features.notifications import callbacks  # noqa: PLC0415 - only an api pays for it

    app.include_router(callbacks.router)


def install_worker(broker: dramatiq.Broker, settings: Settings) -> None:
    """Change nothing about the broker: messages are sent by jobs."""


@surround
@asynccontextmanager
async def configured(process: JobProcess) -> AsyncIterator[None]:
    """Let the jobs of a process send by its settings."""
    jobs.configure(process.settings)
    yield
