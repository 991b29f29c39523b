"""The desk of whoever looks after exports: `python -m app transfers`."""

from __future__ import annotations

import asyncio
import shutil
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Row

from app.core.database import Database
from app.features.transfers.declared import Transfer
from app.features.transfers.desk import REQUESTER, Desk, faults, transfer_called
from app.features.transfers.outgoing import exports
from app.features.transfers.outgoing.models import EXPORTS, UNFINISHED, Format, State
from app.features.transfers.outgoing.schemas import ExportOut
from app.features.transfers.storage import local


async def export(database: Database, arguments: Namespace) -> None:
    """Ask for an export; wait for its file where one is to be had."""
    transfer = transfer_called(arguments.name)
    try:
        query = transfer.query.model_validate(dict(arguments.where))
    except ValidationError as error:
        sys.exit(faults(error))
    async with database.writes() as session:
        format_ = Format(arguments.format)
        asked = await exports.request(session, transfer, format_, query, REQUESTER)
    print(asked.id, flush=True)
    if arguments.to:
        await _fetch(database, transfer, asked, Path(arguments.to))


async def _fetch(database: Database, transfer: Transfer, asked: ExportOut, to: Path) -> None:
    """Wait until whoever runs jobs has made the file, and copy it."""
    found = await DESK.ended(database, transfer.name, asked.id)
    if found.state != State.READY:
        sys.exit(f"The export is {found.state}: {found.error or 'somebody has ended it'}")
    async with local(found.file, found.bytes) as path:
        await asyncio.to_thread(shutil.copyfile, path, to)


def _told(found: Row[Any]) -> str:
    of = "" if found.total is None else f", {found.rows} of {found.total} rows"
    why = f": {found.error}" if found.error else ""
    return f"{found.transfer}.{found.format} {found.state}{of}{why}"


DESK = Desk("export", EXPORTS, UNFINISHED, ExportOut, _told, exports.get, exports.cancel)
ACTIONS = {"export": export, "list": DESK.list_newest, "cancel": DESK.cancel}
