"""Run by the interpreter of a rendered project: exports beside the bare libraries, same rows."""

from __future__ import annotations

import asyncio
import csv
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter
from sqlalchemy import Row, create_engine

from app.core.snapshots import snapshot
from app.features.transfers.outgoing import files, making
from app.features.transfers.outgoing.making import BATCH
from app.features.transfers.outgoing.models import Format
from app.modules.profiles.transfers import PROFILES

COLUMNS = list(PROFILES.columns.values())
QUERY = PROFILES.query()
ALL, VALUES = PROFILES.selecting(QUERY)
SELECTED = list(ALL.selected_columns)[: len(COLUMNS)]
STATEMENT = ALL.with_only_columns(*SELECTED, maintain_column_froms=True)
OFF = dict.fromkeys(("strings_to_formulas", "strings_to_urls", "strings_to_numbers"), False)


def ours(url: str, format_: Format, path: Path) -> None:
    async def write() -> None:
        now = datetime.now(UTC)
        with files.written(format_, path, COLUMNS, now) as write:
            async with snapshot(url) as moment:
                async for rows in making._batches(moment, PROFILES, QUERY):
                    await asyncio.to_thread(write, rows)

    asyncio.run(write())


def bare(url: str, format_: Format, path: Path) -> None:
    engine = create_engine(url).execution_options(yield_per=BATCH)
    with engine.connect() as connection:
        BARE[format_](connection.execute(STATEMENT, VALUES).partitions(), path)


def bare_csv(batches: object, path: Path) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        for rows in batches:
            csv.writer(file).writerows(rows)


def bare_xlsx(batches: object, path: Path) -> None:
    book = xlsxwriter.Workbook(path, OFF | {"constant_memory": True})
    sheet, at = book.add_worksheet(), 0
    for rows in batches:
        for row in rows:
            for column, value in enumerate(row):
                if isinstance(value, int):
                    sheet.write_number(at, column, value)
                else:
                    sheet.write_string(at, column, str(value))
            at += 1
    book.close()


def bare_parquet(batches: object, path: Path) -> None:
    names = [each.name for each in COLUMNS]

    def batch(rows: list[Row]) -> pa.RecordBatch:
        id_, *others = zip(*rows, strict=True)
        return pa.record_batch([pa.array(map(str, id_)), *map(pa.array, others)], names=names)

    first = batch(next(batches))
    with pq.ParquetWriter(path, first.schema, compression="zstd") as writer:
        writer.write_batch(first)
        for rows in batches:
            writer.write_batch(batch(rows))


BARE = {Format.CSV: bare_csv, Format.XLSX: bare_xlsx, Format.PARQUET: bare_parquet}


def seconds(work: Callable[[str, Format, Path], None], url: str, format_: Format) -> float:
    with TemporaryDirectory() as folder:
        began = time.process_time()
        work(url, format_, Path(folder) / "file")
        return time.process_time() - began


def main(url: str, rounds: int) -> None:
    """Print the medians of interleaved rounds, in seconds of CPU, and the ratio of the work."""
    for format_ in Format:
        times = [(seconds(ours, url, format_), seconds(bare, url, format_)) for _ in range(rounds)]
        own, other = (statistics.median(each) for each in zip(*times, strict=True))
        print(f"{format_:8} {own:7.2f} / {other:7.2f} s   {other / own:.2f}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
