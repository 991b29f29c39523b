"""The desk of whoever looks after exports: `python -m app transfers`."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from argparse import Namespace
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Row, select

from app.core.database import Database
from app.core.errors import ProblemError
from app.features.transfers.declared import Transfer, declared
from app.features.transfers.outgoing import exports
from app.features.transfers.outgoing.models import EXPORTS, UNFINISHED, Format, State
from app.features.transfers.outgoing.schemas import ExportOut
from app.features.transfers.storage import local
from app.settings import explained

LOOK = timedelta(seconds=0.5)
MOST_LISTED = 50
REQUESTER = "command"


async def export(database: Database, arguments: Namespace) -> None:
    """Ask for an export; wait for its file where one is to be had."""
    transfer = declared().get(arguments.name)
    if transfer is None:
        sys.exit(f"No module declares a transfer {arguments.name!r}: {', '.join(declared())} do.")
    try:
        query = transfer.query.model_validate(dict(arguments.where))
    except ValidationError as error:
        sys.exit("\n".join(explained(error)))
    async with database.writes() as session:
        format_ = Format(arguments.format)
        asked = await exports.request(session, transfer, format_, query, REQUESTER)
    print(asked.id, flush=True)
    if arguments.to:
        await _fetch(database, transfer, asked, Path(arguments.to))


async def _fetch(database: Database, transfer: Transfer, asked: ExportOut, to: Path) -> None:
    """Wait until whoever runs jobs has made the file, and copy it."""
    found = await exports.get(database.reads, transfer.name, asked.id)
    while found.state in UNFINISHED:
        await asyncio.sleep(LOOK.total_seconds())
        found = await exports.get(database.reads, transfer.name, asked.id)
        print(_told(found), file=sys.stderr)
    if found.state != State.READY:
        sys.exit(f"The export is {found.state}: {found.error or 'somebody has ended it'}")
    async with local(found.file, found.bytes) as path:
        await asyncio.to_thread(shutil.copyfile, path, to)


async def list_exports(database: Database, arguments: Namespace) -> None:
    wanted = select(EXPORTS).order_by(EXPORTS.c.created_at.desc()).limit(MOST_LISTED)
    found = (await database.reads.execute(wanted)).all()
    if arguments.json:
        rows = [ExportOut.model_validate(each).model_dump(mode="json") for each in found]
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for each in found:
        print(f"{each.id}  {each.created_at:%Y-%m-%d %H:%M}  {_told(each)}")


async def cancel(database: Database, arguments: Namespace) -> None:
    wanted = select(EXPORTS.c.transfer).where(EXPORTS.c.id == arguments.id)
    transfer = (await database.reads.execute(wanted)).scalar_one_or_none()
    if transfer is None:
        sys.exit(f"There is no export {arguments.id}.")
    try:
        async with database.writes() as session:
            await exports.cancel(session, transfer, arguments.id)
    except ProblemError as error:
        sys.exit(error.detail)
    print("cancelled")


def _told(found: Row[Any]) -> str:
    of = "" if found.total is None else f", {found.rows} of {found.total} rows"
    why = f": {found.error}" if found.error else ""
    return f"{found.transfer}.{found.format} {found.state}{of}{why}"


ACTIONS = {"export": export, "list": list_exports, "cancel": cancel}
