"""The parts of a workbook's ZIP archive: as much as they may have, whatever they say of themselves.

What is checked is what was really unpacked. A part that is read at once is small; a large one is
read as elements of XML, one of which is in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from defusedxml.ElementTree import DefusedXMLParser  # type: ignore[import-untyped]

from app.features.transfers.incoming.tables import LARGEST_ROW, MOST_COLUMNS, Unreadable

MOST_PARTS = 2000
LARGEST_DIRECTORY = 1024 * 1024
# Of what is read at once: what is in a workbook beside its cells and texts.
LARGEST_PART = 4 * 1024 * 1024
MOST_TAGS = 200_000
# Spreadsheets are packed to a tenth, or a fiftieth where every row is like the other.
LARGEST_RATIO = 200
CHUNK = 16 * 1024
# A cell has a value, a formula, or a text of several pieces.
MOST_ELEMENTS = 8 * MOST_COLUMNS
_ENCRYPTED = 1


class _File(FileIO):
    """A file whose directory is refused before it is in memory."""

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > LARGEST_DIRECTORY:
            raise Unreadable(f"the archive's directory has more than {LARGEST_DIRECTORY} bytes")
        return super().read(size) or b""


@contextmanager
def opened(path: Path, most_unpacked: int) -> Iterator[Archive]:
    """Yield an archive whose directory is sound; raises Unreadable."""
    with _File(path) as file:
        try:
            archive = Archive(file, most_unpacked)
        except Unreadable:
            raise
        except Exception as error:
            # Of which there are many kinds: the library believes what an archive says.
            raise Unreadable(f"the workbook is no archive: {error}") from error
        with archive:
            yield archive


class Archive(ZipFile):
    """A ZIP archive of a stranger."""

    def __init__(self, file: FileIO, most_unpacked: int) -> None:
        super().__init__(file)
        self.file = file
        self._most = most_unpacked
        if len(self.filelist) > MOST_PARTS:
            raise Unreadable(f"the archive has more than {MOST_PARTS} parts")
        for each in self.filelist:
            _require_plain(each)

    def read(self, name: str | ZipInfo, pwd: bytes | None = None) -> bytes:
        """Return a small part."""
        with self.open(name, pwd=pwd) as part:
            data = part.read(LARGEST_PART + 1)
        if len(data) > LARGEST_PART or data.count(b"<") > MOST_TAGS:
            raise Unreadable(f"{_name(name)} is larger than a workbook needs")
        return data

    def elements(self, name: str, tag: str, until: str) -> Iterator[Element]:
        """Yield each element `tag` of a part, up to the end of the one called `until`."""
        target = _Target(tag, until)
        parser = DefusedXMLParser(target=target, forbid_dtd=True)
        size = 0
        for chunk in self._chunks(name):
            parser.feed(chunk)
            size += len(chunk)
            if target.found:
                size = 0
                yield from target.found
                target.found.clear()
            if size > LARGEST_ROW:
                raise Unreadable(f"{name} has more than {LARGEST_ROW} bytes in one row")
            if target.is_over:
                return
        parser.close()

    def _chunks(self, name: str) -> Iterator[bytes]:
        packed, done = self.getinfo(name).compress_size, 0
        most = min(self._most, LARGEST_RATIO * packed + LARGEST_PART)
        with self.open(name) as part:
            while chunk := part.read(CHUNK):
                done += len(chunk)
                if done > most:
                    raise Unreadable(f"{name} has more than {most} bytes unpacked")
                yield chunk


class _Target:
    """Builds the elements of one tag; everything else goes by."""

    def __init__(self, tag: str, until: str) -> None:
        self.found: list[Element] = []
        self.is_over = False
        self._tag, self._until = tag, until
        self._builder: TreeBuilder | None = None
        self._depth = self._size = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._builder is None:
            if tag != self._tag or self.is_over:
                return
            self._builder, self._depth, self._size = TreeBuilder(), 0, 0
        self._depth += 1
        self._size += 1
        if self._size > MOST_ELEMENTS:
            raise Unreadable(f"a row has more than {MOST_ELEMENTS} elements")
        self._builder.start(tag, attributes)

    def data(self, text: str) -> None:
        if self._builder is not None:
            self._builder.data(text)

    def end(self, tag: str) -> None:
        if self._builder is None:
            self.is_over = self.is_over or tag == self._until
            return
        self._builder.end(tag)
        self._depth -= 1
        if self._depth == 0:
            self.found.append(self._builder.close())
            self._builder = None

    def close(self) -> None:
        """Have nothing more to say."""


def _require_plain(part: ZipInfo) -> None:
    if part.flag_bits & _ENCRYPTED:
        raise Unreadable("the workbook is encrypted")
    if part.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise Unreadable(f"{part.filename[:50]!r} is packed in a way that workbooks never are")


def _name(part: str | ZipInfo) -> str:
    return part if isinstance(part, str) else part.filename
