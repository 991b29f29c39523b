"""A dump is read again, byte by byte and row by row, and held to its manifest."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

from app.core import parquet
from app.core.database import Database
from app.features.periods import manifest
from app.features.periods.closing import PeriodsError
from app.features.periods.manifest import DumpedTable, Manifest, columns_of
from app.features.periods.signing import signer
from app.features.periods.stored import Digest, Stored, tables


async def verified(
    folder: Path, database: Database | None = None, expected: str | None = None
) -> tuple[Manifest, str]:
    """Return the manifest of a dump that is whole, and who signed it; raises PeriodsError.

    `expected` is the manifest's digest as somebody else has kept it.
    """
    found, digest = await asyncio.to_thread(manifest.read, folder)
    if expected is not None and digest != expected:
        raise PeriodsError(f"{folder / manifest.NAME} is not what was written: it was changed")
    told = await _signature(folder, database, digest)
    faults = [fault for each in found.tables if (fault := await _fault(folder, each))]
    if faults:
        raise PeriodsError("\n".join([f"{folder} is not what was dumped:", *faults]))
    return found, told


async def _signature(folder: Path, database: Database | None, digest: str) -> str:
    signing = signer()
    if signing is None or database is None:
        return f"the manifest's SHA-256 is {digest}"
    path = folder / manifest.TOKEN
    if not path.exists():
        raise PeriodsError(f"{folder} has no {manifest.TOKEN}: nobody has signed it")
    return await signing.judge(database, await asyncio.to_thread(path.read_text), digest)


async def _fault(folder: Path, table: DumpedTable) -> str | None:
    path = folder / table.file
    if not path.is_file():
        return f"  {table.file} is missing"
    if await asyncio.to_thread(manifest.sha256_of, path) != table.sha256:
        return f"  {table.file} was changed"
    stored = known().get(table.name)
    if stored is None or not _has_form(stored, table):
        # Of a table that is another one by now: its bytes are those that were written.
        return None
    try:
        digest = await asyncio.to_thread(_digest_of_file, path, stored)
    except (ValueError, KeyError):
        return f"  {table.file} cannot be read, or lacks a column"
    if (digest.rows, digest.text) != (table.rows, table.digest):
        return f"  {table.file} has other rows than were dumped"
    return None


def known() -> dict[str, Stored]:
    return {each.table.name: each for each in tables()}


def _digest_of_file(path: Path, stored: Stored) -> Digest:
    digest = Digest()
    for rows in parquet.read(path, stored.columns, stored.batch):
        digest.add(rows)
    return digest


def files(found: Manifest, folder: Path) -> Iterator[tuple[DumpedTable, Stored, Path]]:
    """Yield the files of a dump in the order of the manifest: parents before their children.

    Raises PeriodsError for a table that this code knows otherwise.
    """
    have = known()
    for each in found.tables:
        stored = have.get(each.name)
        if stored is None or not _has_form(stored, each):
            raise PeriodsError(
                f"{each.name} has other columns in the dump than in this code: do it by version"
                f" {found.service_version} of {found.service}"
            )
        yield each, stored, folder / each.file


def _has_form(stored: Stored, dumped: DumpedTable) -> bool:
    own, theirs = ([(c.name, c.type) for c in of] for of in (columns_of(stored), dumped.columns))
    return own == theirs
