"""Files as tables: what a file is, its bytes say, and never its name."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from app.features.transfers.incoming.delimited import Delimiter, open_text
from app.features.transfers.incoming.encodings import Encoding
from app.features.transfers.incoming.tables import Table, Unreadable
from app.features.transfers.incoming.workbooks import open_workbook

ZIP = b"PK\x03\x04"
# Of Excel up to 2003, and of workbooks with a password.
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@dataclass(frozen=True)
class Stated:
    """What is known of a text better than by its bytes."""

    encoding: Encoding | None = None
    delimiter: Delimiter | None = None


def open_table(path: Path, known: Collection[str], stated: Stated, most_unpacked: int) -> Table:
    """Begin to read a file whose columns are some of those `known`; raises Unreadable."""
    if is_workbook(path):
        return open_workbook(path, most_unpacked)
    return open_text(path, known, stated.encoding, stated.delimiter)


def is_workbook(path: Path) -> bool:
    """Say whether a file is a workbook and no text; raises Unreadable for an old one."""
    with path.open("rb") as file:
        begin = file.read(len(OLE))
    if begin == OLE:
        raise Unreadable("an old workbook (XLS), or one with a password: save it as XLSX")
    return begin.startswith(ZIP)
