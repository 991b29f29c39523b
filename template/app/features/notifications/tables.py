"""The tables as statements see them, and what is told of a change."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import CursorResult, Delete, Table, Update

from app.core.database import WriteSession
from app.features.notifications.models import Notification, NotificationAttachment, Suppression

MESSAGES = cast("Table", Notification.__table__)
ATTACHMENTS = cast("Table", NotificationAttachment.__table__)
SUPPRESSIONS = cast("Table", Suppression.__table__)


async def changed(session: WriteSession, change: Update | Delete) -> int:
    """Change rows; return how many."""
    return cast("CursorResult[Any]", await session.execute(change)).rowcount
