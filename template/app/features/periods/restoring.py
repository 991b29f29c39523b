"""A dump becomes a database again: an empty one, whose rows are then held to the manifest's.

The first that is written into it is a mark whose dump it is, so that the next run knows what is its
own to empty and to begin with again.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    delete,
    func,
    insert,
    inspect,
    literal_column,
    select,
    text,
    update,
)

from app.core import parquet
from app.core.database import Database, WriteSession
from app.core.snapshots import Snapshot, snapshot
from app.features.periods.closing import PeriodsError
from app.features.periods.manifest import Manifest
from app.features.periods.models import EVENTS, PERIODS
from app.features.periods.stored import Digest, Stored
from app.features.periods.verifying import files
from app.settings import ROOT

_MARK = Table(
    "period_restores",
    MetaData(),
    Column("manifest", String(64), primary_key=True),
    Column("finished", Boolean, nullable=False),
)
_VERSIONS = text("SELECT version_num FROM alembic_version")


async def restore(url: str, folder: Path, manifest: Manifest, digest: str) -> None:
    """Restore a dump that was verified, and compare; raises PeriodsError."""
    database = Database(url)
    try:
        is_finished = await _marked(database, digest)
        if not is_finished:
            if await _revision(database) != manifest.revision:
                await _migrate(url)
            await _require_revision(database, manifest)
            await _load(database, folder, manifest)
        differing = await _differing(url, folder, manifest)
        if differing and not is_finished:
            # What triggers have written while others were loaded is in the dump as well.
            for each in differing:
                await _load_table(database, *each)
            differing = await _differing(url, folder, manifest)
        if differing:
            names = ", ".join(stored.table.name for stored, _ in differing)
            raise PeriodsError(f"the restored database differs from the dump: {names}")
        async with database.writes() as session:
            await session.execute(update(_MARK).values(finished=True))
    finally:
        await database.close()


async def _marked(database: Database, digest: str) -> bool:
    """Mark a database that has no table; say whether this dump was restored into it before."""
    async with database.writes() as session:
        connection = await session.connection()
        names = await connection.run_sync(_table_names)
        if not names:
            await connection.run_sync(_MARK.create)
        elif _MARK.name not in names:
            raise PeriodsError("a dump is restored into an empty database, and this one has tables")
        known = (await session.execute(select(_MARK))).one_or_none()
        if known is None:
            await session.execute(insert(_MARK), {"manifest": digest, "finished": False})
            return False
        if known.manifest != digest:
            raise PeriodsError("another dump was restored into this database: take an empty one")
        return bool(known.finished)


def _table_names(connection: Connection) -> list[str]:
    return inspect(connection).get_table_names()


async def _migrate(url: str) -> None:
    """Build the tables as every database of the project is built."""
    migrating = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "migrate", "upgrade"),
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await migrating.communicate()
    if migrating.returncode:
        raise PeriodsError(f"the empty database could not be migrated:\n{said.decode()}")


async def _revision(database: Database) -> list[str]:
    """Return the revisions of a database; none where it has no table of them yet."""
    async with database.writes() as session:
        names = await (await session.connection()).run_sync(_table_names)
    if "alembic_version" not in names:
        return []
    return sorted((await database.reads.execute(_VERSIONS)).scalars())


async def _require_revision(database: Database, manifest: Manifest) -> None:
    found = await _revision(database)
    if found != manifest.revision:
        raise PeriodsError(
            f"the dump is of revision {', '.join(manifest.revision)} and this code of"
            f" {', '.join(found)}: restore it by version {manifest.service_version} of"
            f" {manifest.service}, and migrate it after that"
        )


async def _load(database: Database, folder: Path, manifest: Manifest) -> None:
    # The tables of periods come last: rows are not frozen while they are loaded.
    every = [(stored, path) for _, stored, path in files(manifest, folder)]
    every.sort(key=lambda each: each[0].table in (PERIODS, EVENTS))
    for stored, _ in reversed(every):
        await _empty(database, stored.table)
    for each in every:
        await _load_table(database, *each)


async def _load_table(database: Database, stored: Stored, path: Path) -> None:
    # Triggers of other tables may have written into it since all were emptied.
    await _empty(database, stored.table)
    batches = parquet.read(path, stored.columns, stored.batch)
    while rows := await asyncio.to_thread(next, batches, None):
        async with database.writes() as session:
            await session.execute(stored.insert, stored.values(rows))
            await _continue_sequence(session, stored.table)


async def _empty(database: Database, table: Table) -> None:
    any_row: Select[str] = select(literal_column("1")).select_from(table).limit(1)
    if (await database.reads.execute(any_row)).first() is not None:
        async with database.writes() as session:
            await session.execute(delete(table))


async def _continue_sequence(session: WriteSession, table: Table) -> None:
    """Let PostgreSQL count on from the rows that were loaded; others do so by themselves."""
    column = table.autoincrement_column
    if session.get_bind().dialect.name != "postgresql" or column is None:
        return
    if not isinstance(column.type, Integer):
        return
    sequence = func.pg_get_serial_sequence(table.name, column.name)
    last = select(func.max(literal_column(column.name))).select_from(table).scalar_subquery()
    await session.execute(select(func.setval(sequence, last)).where(last.is_not(None)))


async def _differing(url: str, folder: Path, manifest: Manifest) -> list[tuple[Stored, Path]]:
    found = []
    async with snapshot(url) as moment:
        for dumped, stored, path in files(manifest, folder):
            digest = await _digest_of(moment, stored)
            if (digest.rows, digest.text) != (dumped.rows, dumped.digest):
                found.append((stored, path))
    return found


async def _digest_of(moment: Snapshot, stored: Stored) -> Digest:
    digest = Digest()
    async for rows in moment.batches(stored.select(), size=stored.batch):
        await asyncio.to_thread(lambda found: digest.add(stored.rows(found)), rows)
    return digest
