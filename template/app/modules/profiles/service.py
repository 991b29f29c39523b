"""What can be done with profiles. Statements are built once; the caller owns the transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import cast
from uuid import UUID, uuid4

from sqlalchemy import Table, bindparam, case, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.core import outbox
from app.core.database import ReadConnection, WriteSession
from app.core.errors import Conflict, InvalidInput, NotFound
from app.core.etag import ExpectedVersions, require_change
from app.core.listing import Cursors, Listing, Page, begins, equals, sort_key
from app.core.logging import log_func_args
from app.modules.profiles import images
from app.modules.profiles.models import Headshot, Profile
from app.modules.profiles.schemas import HeadshotState, ProfileIn, ProfileOut, ProfileQuery

MAKE_THUMBNAIL = "profiles.make_thumbnail"

_PROFILE, _HEADSHOT = cast("Table", Profile.__table__), cast("Table", Headshot.__table__)
_UPLOADED = case(
    (_HEADSHOT.c.thumbnail.is_(None), HeadshotState.PROCESSING.value),
    else_=HeadshotState.READY.value,
)
# Looked up for each row that is returned: for a join, MySQL would read and sort the whole table.
_FOUND = select(_UPLOADED).where(_HEADSHOT.c.profile_id == _PROFILE.c.id).scalar_subquery()
_SELECT = select(*_PROFILE.c, func.coalesce(_FOUND, HeadshotState.NONE.value).label("headshot"))
_BY_ID = _SELECT.where(_PROFILE.c.id == bindparam("profile_id"))
# On the tables, and not the mapped classes: the ORM's unit of work costs twice the CPU.
_INSERT = insert(_PROFILE)
_AS_SEEN = _PROFILE.c.id == bindparam("profile_id"), _PROFILE.c.version == bindparam("seen")
_UPDATE = update(_PROFILE).where(*_AS_SEEN)
_DELETE = delete(_PROFILE).where(*_AS_SEEN)
LISTING = Listing(
    Page[ProfileOut],
    _SELECT,
    _PROFILE.c.id,
    sorts={
        "created_at": _PROFILE.c.created_at,
        "full_name": _PROFILE.c.name_key,
        "employee_number": _PROFILE.c.employee_number,
    },
    filters={"department": equals(_PROFILE.c.department), "q": begins(_PROFILE.c.name_key)},
)


async def get(reads: ReadConnection, profile_id: UUID) -> ProfileOut:
    """Return a profile; raises NotFound."""
    return await _find(reads, profile_id)


async def list_page(
    reads: ReadConnection, query: ProfileQuery, cursors: Cursors
) -> Page[ProfileOut]:
    """Return one page of profiles; raises InvalidInput for a cursor of another list."""
    return await LISTING.page(reads, query, cursors)


@log_func_args
async def create(session: WriteSession, draft: ProfileIn) -> ProfileOut:
    """Create a profile; raises Conflict when its employee number is taken."""
    now = datetime.now(UTC)
    row = _columns(draft) | {"id": uuid4(), "created_at": now, "updated_at": now, "version": 1}
    with _taken(draft):
        await session.execute(_INSERT, row)
    return ProfileOut.model_validate(row | {"headshot": HeadshotState.NONE})


@log_func_args
async def replace(
    session: WriteSession, profile_id: UUID, draft: ProfileIn, seen: ExpectedVersions
) -> ProfileOut:
    """Replace what a client may write; raises NotFound, PreconditionFailed or Conflict."""
    profile = await _find(session, profile_id)
    seen.require(profile.version)
    row = _columns(draft) | {"updated_at": datetime.now(UTC), "version": profile.version + 1}
    with _taken(draft):
        require_change(await session.execute(_UPDATE, row | _version_of(profile)))
    return ProfileOut.model_validate(dict(profile) | row)


@log_func_args
async def remove(session: WriteSession, profile_id: UUID, seen: ExpectedVersions) -> None:
    """Delete a profile and its headshot; raises NotFound or PreconditionFailed."""
    profile = await _find(session, profile_id)
    seen.require(profile.version)
    require_change(await session.execute(_DELETE, _version_of(profile)))


@log_func_args
async def upload_headshot(session: WriteSession, profile_id: UUID, image: bytes) -> ProfileOut:
    """Store a picture and ask for its thumbnail; raises NotFound or InvalidInput."""
    profile = await _find(session, profile_id)
    try:
        media_type = images.media_type(image)
    except images.NotAnImage as error:
        location = "body.image"
        raise InvalidInput(location, str(error)) from error
    version = uuid4()
    await session.merge(
        Headshot(
            profile_id=profile_id,
            version=version,
            media_type=media_type,
            image=image,
            thumbnail=None,
        )
    )
    await session.flush()
    await outbox.enqueue(session, MAKE_THUMBNAIL, profile_id=profile_id, version=version)
    return profile.model_copy(update={"headshot": HeadshotState.PROCESSING})


async def thumbnail(reads: ReadConnection, profile_id: UUID) -> bytes:
    """Return a profile's thumbnail; raises NotFound while there is none."""
    found = await reads.execute(
        select(_HEADSHOT.c.thumbnail).where(_HEADSHOT.c.profile_id == profile_id)
    )
    data = found.scalar_one_or_none()
    if data is None:
        message = f"profile {profile_id} has no thumbnail yet"
        raise NotFound(message)
    return bytes(data)


async def uploaded_image(reads: ReadConnection, profile_id: UUID, version: UUID) -> bytes | None:
    """Return the picture of that very upload, or None when it was replaced or deleted since."""
    found = await reads.execute(
        select(_HEADSHOT.c.image).where(
            _HEADSHOT.c.profile_id == profile_id, _HEADSHOT.c.version == version
        )
    )
    return found.scalar_one_or_none()


async def attach_thumbnail(
    session: WriteSession, profile_id: UUID, version: UUID, data: bytes
) -> None:
    """Store the thumbnail of that very upload; nothing happens when it was replaced since."""
    await session.execute(
        update(Headshot)
        .where(Headshot.profile_id == profile_id, Headshot.version == version)
        .values(thumbnail=data)
    )


def _columns(draft: ProfileIn) -> dict[str, object]:
    return {**draft.model_dump(), "name_key": sort_key(draft.full_name)}


def _version_of(profile: ProfileOut) -> dict[str, object]:
    return {"profile_id": profile.id, "seen": profile.version}


@contextmanager
def _taken(draft: ProfileIn) -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        message = f"employee number {draft.employee_number} is taken"
        raise Conflict(message) from error


async def _find(connection: ReadConnection | WriteSession, profile_id: UUID) -> ProfileOut:
    row = (await connection.execute(_BY_ID, {"profile_id": profile_id})).one_or_none()
    if row is None:
        message = f"there is no profile {profile_id}"
        raise NotFound(message)
    return ProfileOut.model_validate(row)
