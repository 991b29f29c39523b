"""What the api takes and gives of things, and what can be done with them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, StringConstraints
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.core.database import ReadConnection, WriteSession
from app.core.errors import Conflict, NotFound
from app.core.etag import entity_tag
from app.core.listing import Listing, Page, PageQuery, begins, equals, sort_key
from tests.things.models import Thing

Number = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9-]{1,20}$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=100)]
COLUMNS = Thing.__table__.c


class ThingIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: Number
    name: Line
    kind: Line


class ThingOut(ThingIn):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    weighings: int
    version: int

    @property
    def etag(self) -> str:
        return entity_tag(self.version, str(self.weighings))


class ThingQuery(PageQuery):
    sort: Literal["created_at", "-created_at", "name", "-name", "number", "-number"] = "-created_at"
    kind: Line | None = None
    q: Line | None = None


LISTING = Listing(
    Page[ThingOut],
    select(*COLUMNS),
    COLUMNS.id,
    sorts={"created_at": COLUMNS.created_at, "name": COLUMNS.name_key, "number": COLUMNS.number},
    filters={"kind": equals(COLUMNS.kind), "q": begins(COLUMNS.name_key)},
)


async def create(session: WriteSession, draft: ThingIn) -> ThingOut:
    key = sort_key(draft.name)
    thing = Thing(**draft.model_dump(), name_key=key, created_at=datetime.now(UTC))
    session.add(thing)
    try:
        await session.flush()
    except IntegrityError as error:
        raise Conflict(f"number {draft.number} is taken") from error
    return ThingOut.model_validate(thing)


async def get(reads: ReadConnection | WriteSession, thing_id: UUID) -> ThingOut:
    found = (await reads.execute(select(*COLUMNS).where(COLUMNS.id == thing_id))).one_or_none()
    if found is None:
        raise NotFound(f"there is no thing {thing_id}")
    return ThingOut.model_validate(found)
