"""What a render is asked about its imports: see test_imports_killed.py.

`send FILE MODE` stores a file as a request does, and asks for its import; no process works on it.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from app.core.database import Database
from app.features.transfers.declared import declared
from app.features.transfers.incoming import imports, uploading
from app.features.transfers.incoming.imports import Asked
from app.features.transfers.incoming.reading import Stated
from app.features.transfers.incoming.schemas import ImportQuery
from app.settings import Settings


async def content(path: str) -> AsyncIterator[bytes]:
    yield await asyncio.to_thread(Path(path).read_bytes)


async def send(path: str, mode: str) -> None:
    database = Database(Settings().database_url)
    transfer = declared()["profiles"]
    query = ImportQuery.model_validate({"mode": mode})
    async with uploading.uploaded(content(path), transfer, Stated()) as (upload, part):
        await imports.receive(database.writes, Asked("profiles", query, upload, None), part)
    await database.close()


asyncio.run(send(*sys.argv[1:]))
