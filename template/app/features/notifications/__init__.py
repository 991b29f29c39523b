"""Notifications: mail and text messages, rows before they are sent, and sent once.

    await send_mail(session, Mail("ada@example.com", "Welcome", text), key=f"welcome:{profile.id}")

The message exists if and only if the transaction commits; a job hands it to the server after that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    """Let the api's jobs send messages, and providers say what became of them."""
    from app.features.notifications import callbacks  # noqa: PLC0415 - only an api pays for it

    jobs.configure(app.state.settings)
    app.include_router(callbacks.router)


def install_worker(broker: dramatiq.Broker, settings: Settings) -> None:  # noqa: ARG001
    """Let the worker's jobs send messages."""
    jobs.configure(settings)
