"""What a trigger has refused is told as what it is: a 409, and no error of the database."""

from __future__ import annotations

import re

from sqlalchemy import Engine, ExceptionContext, event

from app.core.errors import Conflict
from app.features.periods.triggers import REFUSED

_REFUSED = re.compile(rf"{REFUSED}(\w+)")


class PeriodClosed(Conflict):
    """A row belongs to a period that is closed."""

    def __init__(self, table: str) -> None:
        """Name the table whose row it is."""
        super().__init__(
            f"a row of {table} belongs to a period that is closed, where nothing is added, changed"
            " or deleted: correct it by a row of a period that is open, or have it reopened"
        )
        self.table = table


@event.listens_for(Engine, "handle_error", retval=True)
def _translated(context: ExceptionContext) -> BaseException | None:
    match = _REFUSED.search(str(context.original_exception))
    return PeriodClosed(match[1]) if match else None
