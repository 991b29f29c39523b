"""Insert a row unless one of its key is there, alike on every database."""

from __future__ import annotations

import functools
from typing import Any, cast

from sqlalchemy import CursorResult, Insert, Table, insert
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from app.core.database import WriteSession
from app.core.prepared import Values


async def inserted(session: WriteSession, table: Table, row: Values) -> bool:
    """Insert a row; False: there is one of its key, and the transaction goes on."""
    statement = _statement(table, session.get_bind().dialect.name)
    try:
        result = await session.execute(statement, row)
    except IntegrityError:
        return False
    return cast("CursorResult[Any]", result).rowcount == 1


@functools.cache
def _statement(table: Table, dialect: str) -> Insert:
    if dialect == "postgresql":
        # There an IntegrityError would end the whole transaction; elsewhere only the statement.
        return postgresql.insert(table).on_conflict_do_nothing()
    return insert(table)
