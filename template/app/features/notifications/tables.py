"""The tables as statements see them, and what is told of a change."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import CursorResult, Delete, Update

from app.core.database import WriteSession, table_of
from app.features.notifications.models import Notification, NotificationAttachment, Suppression

MESSAGES = table_of(Notification)
ATTACHMENTS = table_of(NotificationAttachment)
SUPPRESSIONS = table_of(Suppression)


async def changed(session: WriteSession, change: Update | Delete) -> int:
    """Change rows; return how many."""
    return cast("CursorResult[Any]", await session.execute(change)).rowcount
