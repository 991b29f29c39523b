"""Run by the interpreter of a rendered project: imports beside the bare libraries, same rows.

What is compared is reading and checking, into the temporary files: writing is the database's.
"""

from __future__ import annotations

import csv
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import openpyxl
from pydantic import TypeAdapter

from app import modules
from app.features.transfers.incoming import checking
from app.features.transfers.incoming.reading import Stated
from app.features.transfers.incoming.staging import Staging
from app.modules.profiles.schemas import ProfileIn
from app.modules.profiles.transfers import PROFILES

BATCH = 1000
ROWS = TypeAdapter(list[ProfileIn])


def ours(path: Path) -> None:
    table, columns = checking.opened(path, PROFILES, Stated())
    staging = Staging()
    while rows := list(islice(table.rows, BATCH)):
        staging.add(columns.checked(rows))
    staging.close()


def bare(path: Path) -> None:
    """Read the same, and let the schema check it; nothing is kept, and no file is suspected."""
    rows = iter(READ[path.suffix](path))
    header = next(rows)
    while batch := list(islice(rows, BATCH)):
        ROWS.validate_python([dict(zip(header, row, strict=True)) for row in batch])


def bare_csv(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.reader(file)


def bare_xlsx(path: Path) -> Iterable[tuple[object, ...]]:
    book = openpyxl.load_workbook(path, read_only=True)
    return book.worksheets[0].iter_rows(values_only=True)


READ = {".csv": bare_csv, ".xlsx": bare_xlsx}


def seconds(work: Callable[[Path], None], path: Path) -> float:
    began = time.process_time()
    work(path)
    return time.process_time() - began


def main(rounds: int, *paths: str) -> None:
    """Print the medians of interleaved rounds, in seconds of CPU, and the ratio of the work."""
    modules.load_models()
    for path in map(Path, paths):
        times = [(seconds(ours, path), seconds(bare, path)) for _ in range(rounds)]
        own, other = (statistics.median(each) for each in zip(*times, strict=True))
        print(f"{path.suffix:8} {own:7.2f} / {other:7.2f} s   {other / own:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
