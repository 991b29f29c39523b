"""What operators do with exports and imports alike: list them, wait for one, and end it."""

from __future__ import annotations

import asyncio
import json
import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ValidationError
from sqlalchemy import Row, Table, select

from app.core.database import Database, ReadConnection, WriteSession
from app.core.errors import ProblemError
from app.features.transfers.declared import Transfer, declared

LOOK = timedelta(seconds=0.5)
MOST_LISTED = 50
REQUESTER = "command"


@dataclass(frozen=True)
class Desk:
    """One kind of transfer: its rows, what is said of one, and what can be done with it."""

    kind: str
    table: Table
    unfinished: Collection[str]
    out: type[BaseModel]
    told: Callable[[Row[Any]], str]
    get: Callable[[ReadConnection, str, UUID], Awaitable[Row[Any]]]
    end: Callable[[WriteSession, str, UUID], Awaitable[object]]

    async def list_newest(self, database: Database, arguments: Namespace) -> None:
        wanted = select(self.table).order_by(self.table.c.created_at.desc()).limit(MOST_LISTED)
        found = (await database.reads.execute(wanted)).all()
        if arguments.json:
            rows = [self.out.model_validate(each).model_dump(mode="json") for each in found]
            print(json.dumps(rows, indent=2, ensure_ascii=False))
            return
        for each in found:
            print(f"{each.id}  {each.created_at:%Y-%m-%d %H:%M}  {self.told(each)}")

    async def cancel(self, database: Database, arguments: Namespace) -> None:
        wanted = select(self.table.c.transfer).where(self.table.c.id == arguments.id)
        transfer = (await database.reads.execute(wanted)).scalar_one_or_none()
        if transfer is None:
            sys.exit(f"There is no {self.kind} {arguments.id}.")
        try:
            async with database.writes() as session:
                await self.end(session, transfer, arguments.id)
        except ProblemError as error:
            sys.exit(error.detail)
        print("cancelled")

    async def ended(self, database: Database, transfer: str, asked: UUID) -> Row[Any]:
        """Wait until whoever runs jobs has done it, and tell meanwhile how far it is."""
        found = await self.get(database.reads, transfer, asked)
        while found.state in self.unfinished:
            await asyncio.sleep(LOOK.total_seconds())
            found = await self.get(database.reads, transfer, asked)
            print(self.told(found), file=sys.stderr)
        return found


def transfer_called(name: str) -> Transfer:
    """Return what a module declares; exits where none does."""
    known = declared()
    if name not in known:
        sys.exit(f"No module declares a transfer {name!r}: {', '.join(known)} do.")
    return known[name]


def faults(error: ValidationError) -> str:
    """Return what is wrong with what was asked for, a line for each."""
    return "\n".join(
        "".join(f"{place}: " for place in each["loc"]) + each["msg"] for each in error.errors()
    )
