"""The desk of whoever looks after imports: `python -m app transfers`."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from argparse import Namespace
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Row, select

from app.core.database import Database
from app.core.errors import ProblemError
from app.features.transfers.declared import Transfer, declared
from app.features.transfers.incoming import imports, uploading
from app.features.transfers.incoming.imports import Asked
from app.features.transfers.incoming.models import IMPORTS, UNFINISHED, State
from app.features.transfers.incoming.reading import Stated
from app.features.transfers.incoming.schemas import ImportOut, ImportQuery
from app.features.transfers.storage import CHUNK, local
from app.settings import explained

LOOK = timedelta(seconds=0.5)
MOST_LISTED = 50
REQUESTER = "command"


async def import_file(database: Database, arguments: Namespace) -> None:
    """Ask for an import as a request would, and wait until whoever runs jobs has done it."""
    transfer = declared().get(arguments.name)
    if transfer is None:
        sys.exit(f"No module declares a transfer {arguments.name!r}: {', '.join(declared())} do.")
    asked = {name: getattr(arguments, name) for name in ImportQuery.model_fields}
    try:
        query = ImportQuery.model_validate(asked)
        found = await _sent(database, transfer, query, arguments.file)
    except ValidationError as error:
        sys.exit("\n".join(explained(error)))
    except ProblemError as error:
        sys.exit(error.detail)
    except OSError as error:
        sys.exit(f"{arguments.file} cannot be read: {error.strerror}")
    print(found.id, flush=True)
    ended = await _ended(database, found)
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


async def _ended(database: Database, sent: ImportOut) -> Row[Any]:
    found = await imports.get(database.reads, sent.transfer, sent.id)
    while found.state in UNFINISHED:
        await asyncio.sleep(LOOK.total_seconds())
        found = await imports.get(database.reads, sent.transfer, sent.id)
        print(_told(found), file=sys.stderr)
    return found


async def list_imports(database: Database, arguments: Namespace) -> None:
    wanted = select(IMPORTS).order_by(IMPORTS.c.created_at.desc()).limit(MOST_LISTED)
    found = (await database.reads.execute(wanted)).all()
    if arguments.json:
        rows = [ImportOut.model_validate(each).model_dump(mode="json") for each in found]
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for each in found:
        print(f"{each.id}  {each.created_at:%Y-%m-%d %H:%M}  {_told(each)}")


async def cancel(database: Database, arguments: Namespace) -> None:
    wanted = select(IMPORTS.c.transfer).where(IMPORTS.c.id == arguments.id)
    transfer = (await database.reads.execute(wanted)).scalar_one_or_none()
    if transfer is None:
        sys.exit(f"There is no import {arguments.id}.")
    try:
        async with database.writes() as session:
            await imports.cancel(session, transfer, arguments.id)
    except ProblemError as error:
        sys.exit(error.detail)
    print("cancelled")


def _told(found: Row[Any]) -> str:
    done = ", ".join(
        f"{getattr(found, name)} {name}" for name in ("created", "updated", "unchanged", "bad")
    )
    form = " ".join(filter(None, (found.format, found.encoding)))
    why = f": {found.error}" if found.error else ""
    return f"{found.transfer} {found.mode} {found.state}, {form}, {found.rows} rows, {done}{why}"


ACTIONS = {"import": import_file, "imports": list_imports, "cancel-import": cancel}
