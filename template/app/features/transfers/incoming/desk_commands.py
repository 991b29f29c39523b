"""The desk of whoever looks after imports: `python -m app transfers`."""

from __future__ import annotations

import asyncio
import shutil
import sys
from argparse import Namespace
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Row

from app.core.database import Database
from app.core.errors import ProblemError
from app.features.transfers.declared import Transfer
from app.features.transfers.desk import REQUESTER, Desk, faults, transfer_called
from app.features.transfers.incoming import imports, uploading
from app.features.transfers.incoming.imports import Asked
from app.features.transfers.incoming.models import IMPORTS, UNFINISHED, State
from app.features.transfers.incoming.reading import Stated
from app.features.transfers.incoming.schemas import ImportOut, ImportQuery
from app.features.transfers.storage import CHUNK, local


async def import_file(database: Database, arguments: Namespace) -> None:
    """Ask for an import as a request would, and wait until whoever runs jobs has done it."""
    transfer = transfer_called(arguments.name)
    asked = {name: getattr(arguments, name) for name in ImportQuery.model_fields}
    try:
        query = ImportQuery.model_validate(asked)
        found = await _sent(database, transfer, query, arguments.file)
    except ValidationError as error:
        sys.exit(faults(error))
    except ProblemError as error:
        sys.exit(error.detail)
    except OSError as error:
        sys.exit(f"{arguments.file} cannot be read: {error.strerror}")
    print(found.id, flush=True)
    ended = await DESK.ended(database, transfer.name, found.id)
    if ended.report and arguments.report:
        async with local(ended.report, ended.report_bytes) as path:
            await asyncio.to_thread(shutil.copyfile, path, arguments.report)
    if ended.state != State.DONE or ended.bad:
        sys.exit(_told(ended))


async def _sent(
    database: Database, transfer: Transfer, query: ImportQuery, file: Path
) -> ImportOut:
    stated = Stated(query.encoding, query.delimiter)
    async with uploading.uploaded(_chunks(file), transfer, stated) as (upload, part):
        asked = Asked(transfer.name, query, upload, REQUESTER)
        return await imports.receive(database.writes, asked, part)


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk


def _told(found: Row[Any]) -> str:
    done = ", ".join(
        f"{getattr(found, name)} {name}" for name in ("created", "updated", "unchanged", "bad")
    )
    form = " ".join(filter(None, (found.format, found.encoding)))
    why = f": {found.error}" if found.error else ""
    return f"{found.transfer} {found.mode} {found.state}, {form}, {found.rows} rows, {done}{why}"


DESK = Desk("import", IMPORTS, UNFINISHED, ImportOut, _told, imports.get, imports.cancel)
ACTIONS = {"import": import_file, "imports": DESK.list_newest, "cancel-import": DESK.cancel}
