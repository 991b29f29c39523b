"""The tables as statements see them, and what is told of a change."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import CursorResult, Delete, Table, Update, insert
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from app.core.database import WriteSession
from app.features.notifications.models import Notification, NotificationAttachment, Suppression

MESSAGES = cast("Table", Notification.__table__)
ATTACHMENTS = cast("Table", NotificationAttachment.__table__)
SUPPRESSIONS = cast("Table", Suppression.__table__)


async def changed(session: WriteSession, change: Update | Delete) -> int:
    """Change rows; return how many."""
    return cast("CursorResult[Any]", await session.execute(change)).rowcount


async def inserted(session: WriteSession, table: Table, row: dict[str, Any]) -> bool:
    """Insert a row; False: there is one of its key, and the transaction goes on."""
    if session.get_bind().dialect.name == "postgresql":
        # There an IntegrityError would end the whole transaction.
        statement = postgresql.insert(table).on_conflict_do_nothing()
        result = await session.execute(statement, row)
        return cast("CursorResult[Any]", result).rowcount == 1
    try:
        await session.execute(insert(table), row)
    except IntegrityError:
        return False
    return True
