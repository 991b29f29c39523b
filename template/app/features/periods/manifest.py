"""What a dump is, written last: a folder without a manifest is none."""

from __future__ import annotations

import hashlib
import os
from datetime import date, datetime
from pathlib import Path

from pydantic import BaseModel, ValidationError

from app.core import parquet
from app.features.periods.closing import PeriodsError
from app.features.periods.stored import Stored

NAME = "manifest.json"
TOKEN = "manifest.jwt"  # noqa: S105 - the name of a file
PIECE = 2**20


class DumpedColumn(BaseModel):
    name: str
    type: str
    nullable: bool


class DumpedTable(BaseModel):
    """One file: `sha256` is of its bytes, `digest` of its rows, in whatever form these are."""

    name: str
    file: str
    rows: int
    sha256: str
    digest: str
    columns: list[DumpedColumn]


class DumpedPeriod(BaseModel):
    name: str
    first: date
    last: date
    zone: str
    begins_at: datetime
    ends_at: datetime


class Manifest(BaseModel):
    """Everything that a dump says of itself."""

    format: int = 1
    service: str
    service_version: str
    database: str
    revision: list[str]
    taken_at: datetime
    period: DumpedPeriod
    tables: list[DumpedTable]

    def text(self) -> bytes:
        return self.model_dump_json(indent=2).encode() + b"\n"


def columns_of(stored: Stored) -> list[DumpedColumn]:
    """Return what a file has of a table as this code knows it."""
    return [
        DumpedColumn(
            name=each.name, type=str(parquet.kind(each.type).type), nullable=bool(each.nullable)
        )
        for each in stored.columns
    ]


def read(folder: Path) -> tuple[Manifest, str]:
    """Return the manifest of a dump and its digest; raises PeriodsError."""
    try:
        text = (folder / NAME).read_bytes()
        return Manifest.model_validate_json(text), hashlib.sha256(text).hexdigest()
    except OSError as error:
        raise PeriodsError(f"{folder} is no dump: {error.strerror} ({NAME})") from error
    except ValidationError as error:
        raise PeriodsError(f"{folder / NAME} was changed: it is no manifest") from error


def write_whole(path: Path, text: bytes) -> None:
    """Write a file that is there wholly, or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(text)
    settle(part, path)


def settle(part: Path, path: Path) -> None:
    """Let what was written have its name once it is on the disk."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()
