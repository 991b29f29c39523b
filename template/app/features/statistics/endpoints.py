"""An endpoint for each statistic, whose parameters and answer are its own dimensions and values."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Generic, TypeVar

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field, create_model

from app.core.envelope import SuccessModel
from app.core.errors import InvalidInput
from app.core.etag import IfNoneMatch
from app.core.transactions import Reads
from app.features.statistics.declared import Source, Statistic, sources
from app.features.statistics.reading import Asked, Per, Row, read
from app.features.statistics.settings import zone

FIRST, LAST = date(1900, 1, 2), date(2199, 12, 31)
MOST_DAYS = 3660
MOST_ROWS = 10_000
T = TypeVar("T")


class Figures(BaseModel, Generic[T]):
    """A statistic: a row for each bucket and combination of dimensions that has anything."""

    time_zone: str = Field(description="Whose days these are.")
    rows: list[T]


@functools.cache
def routers() -> Mapping[str, APIRouter]:
    """Return the endpoints by the module whose rows they count; they ask for what it asks for."""
    made: dict[str, APIRouter] = {}
    for source in sources().values():
        empty = APIRouter(prefix="/v1/statistics", tags=["statistics"])
        router = made.setdefault(source.module, empty)
        for statistic in source.statistics:
            _add(router, source, statistic)
    return made


def _add(router: APIRouter, source: Source, statistic: Statistic) -> None:
    query, row = _query(statistic), _row(statistic)
    figures = SuccessModel[Figures[row]]  # type: ignore[valid-type]

    async def answer(asked: Any, reads: Reads, tag: IfNoneMatch) -> Response:  # noqa: ANN401
        given = asked.model_dump(exclude_none=True)
        rows = await _found(reads, source, statistic, given)
        data = {"time_zone": zone().key, "rows": rows}
        body = figures(data=data).model_dump_json().encode()
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        tag(etag)
        headers = {"ETag": etag, "Cache-Control": "no-cache"}
        return Response(body, headers=headers, media_type="application/json")

    answer.__annotations__["asked"] = Annotated[query, Query()]
    router.add_api_route(
        f"/{statistic.name}",
        answer,
        name=f"read_{statistic.name}",
        response_model=figures,
        responses={304: {"description": "You have it already"}},
        description="Return it by day, month or in total, for each combination of its dimensions.",
    )


async def _found(
    reads: Reads, source: Source, statistic: Statistic, given: dict[str, Any]
) -> list[Row]:
    asked = Asked(given.pop("from"), given.pop("to"), given.pop("per"), zone())
    if asked.first > asked.last:
        raise InvalidInput("query.to", "is before `from`")
    if (asked.last - asked.first).days >= MOST_DAYS:
        raise InvalidInput("query.to", f"is more than {MOST_DAYS} days after `from`: ask in parts")
    rows = await read(reads, source, statistic, asked, given)
    if len(rows) > MOST_ROWS:
        told = (
            f"would be {len(rows)} rows, and {MOST_ROWS} are returned: ask for less, or per month"
        )
        raise InvalidInput("query.to", told)
    return rows


def _query(statistic: Statistic) -> type[BaseModel]:
    first = Field(ge=FIRST, le=LAST, description="The first day, as in 2026-01-31.")
    last = Field(ge=FIRST, le=LAST, description="The last day, which is counted too.")
    fields: dict[str, Any] = {
        "from": (date, first),
        "to": (date, last),
        "per": (Per, Field(default="day", description="What a row is for.")),
    }
    for column in statistic.by:
        told = f"Only rows with this {column.key}."
        fields[column.key] = (statistic.types[column.key], Field(default=None, description=told))
    return create_model(_named(statistic, "Query"), __config__=ConfigDict(extra="forbid"), **fields)


def _row(statistic: Statistic) -> type[BaseModel]:
    first = Field(description="The first day of the bucket, within what was asked for.")
    fields: dict[str, Any] = {"day": (date, first)}
    fields |= {name: (kind, ...) for name, kind in statistic.types.items()}
    return create_model(_named(statistic, "Row"), **fields)


def _named(statistic: Statistic, kind: str) -> str:
    return "".join(map(str.title, statistic.name.split("_"))) + kind
