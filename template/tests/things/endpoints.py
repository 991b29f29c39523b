"""The api of things."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.core import outbox
from app.core.envelope import SuccessModel
from app.core.etag import IfNoneMatch
from app.core.listing import Page
from app.core.transactions import Reads, Writes
from tests.things import URL, service
from tests.things.jobs import WEIGH
from tests.things.service import ThingIn, ThingOut, ThingQuery

router = APIRouter(prefix=URL, tags=["things"])


@router.post("", status_code=201)
async def create_thing(
    draft: ThingIn, writes: Writes, request: Request, response: Response
) -> SuccessModel[ThingOut]:
    thing = await service.create(writes, draft)
    response.headers["Location"] = f"{request.url.path}/{thing.id}"
    response.headers["ETag"] = thing.etag
    return SuccessModel(data=thing)


@router.get("")
async def list_things(
    query: Annotated[ThingQuery, Query()], reads: Reads, request: Request
) -> SuccessModel[Page[ThingOut]]:
    page = await service.LISTING.page(reads, query, request.app.state.cursors)
    return SuccessModel(data=page)


@router.get("/{thing_id}")
async def read_thing(thing_id: UUID, reads: Reads, tag: IfNoneMatch) -> SuccessModel[ThingOut]:
    thing = await service.get(reads, thing_id)
    tag(thing.etag)
    return SuccessModel(data=thing)


@router.post("/{thing_id}/weighings", status_code=202)
async def weigh_thing(thing_id: UUID, writes: Writes) -> SuccessModel[ThingOut]:
    thing = await service.get(writes, thing_id)
    await outbox.enqueue(writes, WEIGH, thing_id=thing_id)
    return SuccessModel(data=thing)
