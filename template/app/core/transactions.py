"""The transactions of a request, as dependencies.

A write is committed after the endpoint has returned and before the response leaves: a client that
has its answer has its data. `scope="function"` makes it so; FastAPI's default commits too late.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from app.core import outbox
from app.core.database import Database, ReadConnection, WriteSession


async def _read(request: Request) -> ReadConnection:
    database: Database = request.app.state.database
    return database.reads


async def write(request: Request) -> AsyncIterator[WriteSession]:
    database: Database = request.app.state.database
    async with database.writes() as session:
        yield session
    request.state.is_committed = True
    if queues := outbox.asked_for(session):
        request.app.state.tell(queues)


Reads = Annotated[ReadConnection, Depends(_read)]
Writes = Annotated[WriteSession, Depends(write, scope="function")]
