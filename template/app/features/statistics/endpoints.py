"""The api of statistics: what a module's statistics can be asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, timedelta
from typing import Annotated, Any, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, create_model, field_validator, model_validator

from app.core.database import ReadConnection
from app.core.envelope import SuccessModel
from app.core.errors import InvalidInput
from app.core.etag import IfNoneMatch
from app.core.transactions import Reads
from app.features.statistics import reading, settings
from app.features.statistics.declared import Number, Statistic
from app.features.statistics.reading import Per, Together, Wanted

EARLIEST, LATEST = date(1900, 1, 1), date(2999, 12, 31)
MOST_DAYS = 3660
MOST_ITEMS = 10_000
# What nobody asks for otherwise: the last thirty days.
USUAL = timedelta(days=29)

Read = Callable[[ReadConnection, Wanted], Awaitable[list[Together]]]
# How numbers are read: what has a cache puts it before this.
read: list[Read] = [reading.read]


class StatisticQuery(BaseModel):
    """Which days, and what is counted together; a statistic adds its dimensions."""

    model_config = ConfigDict(extra="forbid")

    first: date | None = Field(
        default=None,
        alias="from",
        ge=EARLIEST,
        le=LATEST,
        description="The first day; without it, the thirtieth before the last one.",
    )
    last: date | None = Field(
        default=None,
        alias="to",
        ge=EARLIEST + USUAL,
        le=LATEST,
        description="The last day; without it, today, where the business is.",
    )
    per: Per = Field(default="day", description="What is counted together.")

    @field_validator("first", "last", mode="before")
    @classmethod
    def _require_written(cls, day: object) -> object:
        """Take a day as it is written in one way: no number for one, and no week."""
        if isinstance(day, str) and date.fromisoformat(day).isoformat() != day:
            raise ValueError("a day is written as in 2026-01-31")
        return day

    @model_validator(mode="after")
    def _require_days(self) -> Self:
        if self.first and self.last and not 0 <= (self.last - self.first).days < MOST_DAYS:
            raise ValueError(f"`to` is not before `from`, and at most {MOST_DAYS} days are counted")
        return self


class Numbers(BaseModel):
    """Numbers of days, in their order; where nothing is to be counted there is no item."""

    time_zone: str = Field(description="Whose days these are.", examples=["Asia/Taipei"])
    first: date
    last: date
    per: Per
    items: list[Any]


def endpoints(*statistics: Statistic) -> APIRouter:
    """Return the router of a module's statistics: `GET /v1/statistics/NAME`."""
    router = APIRouter(prefix="/v1/statistics", tags=["statistics"])
    for each in statistics:
        _add(router, each)
    return router


def _add(router: APIRouter, statistic: Statistic) -> None:
    said = statistic.name.replace("_", " ").capitalize()
    titled = "".join(word.capitalize() for word in statistic.name.split("_"))
    dimensions: dict[str, Any] = dict.fromkeys(statistic.by, (str | None, ...))
    numbers: dict[str, Any] = {
        name: ((each.type if each.kind == "count" else each.type | None), ...)
        for name, each in statistic.measures.items()
    }
    day = (date, Field(description="The first day of what is counted together."))
    item = create_model(f"{titled}Item", day=day, **dimensions, **numbers)
    answer = create_model(f"{titled}Numbers", __base__=Numbers, items=(list[item], ...))
    only = Field(default=None, max_length=1000, description="Only what is exactly this.")
    filters: dict[str, Any] = dict.fromkeys(statistic.by, (str | None, only))
    query_of = create_model(f"{titled}Query", __base__=StatisticQuery, **filters)

    async def count(query: StatisticQuery, reads: Reads, tag: IfNoneMatch) -> SuccessModel[Numbers]:
        first, last = _days(query)
        wanted = Wanted(statistic.name, first, last, query.per, settings.zone().key)
        found = await read[-1](reads, wanted)
        asked = [getattr(query, name) for name in statistic.by]
        items = [item(**_item(statistic, each)) for each in found if _is_asked(each, asked)]
        if len(items) > MOST_ITEMS:
            message = f"{len(items)} items: ask for fewer days, or per month"
            raise InvalidInput("query.from", message)
        counted = answer(time_zone=wanted.zone, first=first, last=last, per=query.per, items=items)
        tag(f'"{hashlib.sha256(counted.model_dump_json().encode()).hexdigest()[:24]}"')
        return SuccessModel(data=counted)

    count.__annotations__["query"] = Annotated[query_of, Query()]
    router.add_api_route(
        f"/{statistic.name}",
        count,
        name=f"count_{statistic.name}",
        summary=said,
        description=f"{said}, per day and {' and '.join(statistic.by) or 'no dimension'}.",
        response_model=SuccessModel[answer],
        responses={304: {"description": "You have it already"}},
    )


def _days(query: StatisticQuery) -> tuple[date, date]:
    last = query.last or max(settings.today(), query.first or date.min)
    first = query.first or last - USUAL
    if (last - first).days >= MOST_DAYS:
        raise InvalidInput("query.from", f"at most {MOST_DAYS} days are counted")
    return first, last


def _is_asked(cell: Together, asked: Sequence[str | None]) -> bool:
    return all(
        wanted is None or value == wanted
        for value, wanted in zip(cell.dimensions, asked, strict=True)
    )


def _item(statistic: Statistic, cell: Together) -> dict[str, object]:
    numbers: list[Number] = [
        each.number(value)
        for each, value in zip(statistic.measures.values(), cell.numbers, strict=True)
    ]
    return {
        "day": cell.day,
        **dict(zip(statistic.by, cell.dimensions, strict=True)),
        **dict(zip(statistic.measures, numbers, strict=True)),
    }
