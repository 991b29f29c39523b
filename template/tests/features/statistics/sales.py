"""A table that is counted in every way, which only the tests have; and what the truth is of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from importlib import import_module
from typing import Any, cast
from zoneinfo import ZoneInfo

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import BigInteger, String, Table
from sqlalchemy.orm import Mapped, mapped_column

from app.core.business_days import day_of
from app.features.statistics import Measure, Statistic
from app.features.statistics.declared import Source
from app.features.statistics.reading import Asked, Row
from migrate.engine import make_engine
from tests.things.models import OfTests

WATCHED = ("test_sales", "sold_at", "shop", "express", "pieces")


class Sale(OfTests):
    """Something that is sold, or is to be."""

    __tablename__ = "test_sales"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sold_at: Mapped[datetime | None] = mapped_column(index=True)
    shop: Mapped[str | None] = mapped_column(String(20))
    express: Mapped[bool]
    pieces: Mapped[int | None] = mapped_column(BigInteger)
    note: Mapped[str] = mapped_column(String(20), default="")


SALES = cast("Table", Sale.__table__)
SOLD = Statistic(
    "sold",
    Sale.sold_at,
    by=(Sale.shop, Sale.express),
    values={
        "sales": Measure("count"),
        "counted": Measure("count", Sale.pieces),
        "pieces": Measure("sum", Sale.pieces),
        "least": Measure("min", Sale.pieces),
        "most": Measure("max", Sale.pieces),
        "last": Measure("max", Sale.sold_at),
    },
)
SOURCE = Source("test_sales.sold_at", "tests", (SOLD,))
ZONES = [ZoneInfo(name) for name in ("UTC", "Asia/Taipei", "America/New_York", "Pacific/Apia")]


@contextmanager
def watched(url: str, *columns: str) -> Iterator[None]:
    """Let the revision's own functions make the triggers, and take them away."""
    revision: Any = import_module("migrate.versions.20261201_0010_statistics")
    for function in (revision.watch, revision.unwatch):
        with make_engine(url).begin() as connection:
            context = MigrationContext.configure(connection)
            with Operations.context(context):
                function(*(columns or WATCHED))
        if function is revision.watch:
            yield


def truth(sales: Iterable[dict[str, Any]], asked: Asked) -> list[Row]:
    """Count them one by one, by another way than the code."""
    found: dict[tuple[date, str | None, bool], list[dict[str, Any]]] = defaultdict(list)
    for sale in sales:
        if sale["sold_at"] is None:
            continue
        day = day_of(sale["sold_at"], asked.zone)
        if asked.first <= day <= asked.last:
            bucket = max(asked.first, day.replace(day=1)) if asked.per == "month" else day
            bucket = asked.first if asked.per == "total" else bucket
            found[bucket, sale["shop"], sale["express"]].append(sale)
    return sorted((_row(*key, group) for key, group in found.items()), key=_place)


def _row(day: date, shop: str | None, express: bool, group: list[dict[str, Any]]) -> Row:
    pieces = [each["pieces"] for each in group if each["pieces"] is not None]
    return {
        "day": day,
        "shop": shop,
        "express": express,
        "sales": len(group),
        "counted": len(pieces),
        "pieces": sum(pieces) if pieces else None,
        "least": min(pieces, default=None),
        "most": max(pieces, default=None),
        "last": max(each["sold_at"] for each in group),
    }


def _place(row: Row) -> tuple[date, bool, str, bool]:
    return row["day"], row["shop"] is None, row["shop"] or "", row["express"]
