"""What can be done with profiles. The caller owns the transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.core import outbox
from app.core.database import ReadConnection, WriteSession, table_of
from app.core.errors import Conflict, InvalidInput, NotFound
from app.core.etag import ExpectedVersions
from app.core.listing import Cursors, Listing, Page, begins, equals, sort_key
from app.core.logging import log_func_args
from app.core.prepared import Prepared
from app.modules.profiles import images
from app.modules.profiles.models import Headshot, HeadshotState, Profile
from app.modules.profiles.schemas import ProfileIn, ProfileOut, ProfileQuery

MAKE_THUMBNAIL = "profiles.make_thumbnail"
NO_THUMBNAIL = b""

# Rows and not objects, for reads and for a creation: nothing will change them, and the ORM costs
# twice the CPU. What is read is compiled once.
_TABLE = table_of(Profile)
_INSERT = insert(_TABLE)
_SELECT = select(*_TABLE.c, Profile.headshot.label("headshot"))
_BY_ID = Prepared(_SELECT.where(_TABLE.c.id == bindparam("profile_id")))
LISTING = Listing(
    Page[ProfileOut],
    _SELECT,
    _TABLE.c.id,
    sorts={
        "created_at": _TABLE.c.created_at,
        "full_name": _TABLE.c.name_key,
        "employee_number": _TABLE.c.employee_number,
    },
    filters={"department": equals(_TABLE.c.department), "q": begins(_TABLE.c.name_key)},
)


async def get(reads: ReadConnection, profile_id: UUID) -> ProfileOut:
    row = await reads.first(_BY_ID, {"profile_id": profile_id})
    if row is None:
        raise _not_found(profile_id)
    return ProfileOut.model_validate(row)


async def list_page(
    reads: ReadConnection, query: ProfileQuery, cursors: Cursors
) -> Page[ProfileOut]:
    return await LISTING.page(reads, query, cursors)


@log_func_args
async def create(session: WriteSession, draft: ProfileIn) -> ProfileOut:
    now = datetime.now(UTC)
    row = {"id": uuid4(), "created_at": now, "updated_at": now, "version": 1, **_columns(draft)}
    with _taken(draft):
        await session.execute(_INSERT, row)
    return ProfileOut.model_validate({**row, "headshot": HeadshotState.NONE})


@log_func_args
async def replace(
    session: WriteSession, profile_id: UUID, draft: ProfileIn, expected: ExpectedVersions
) -> ProfileOut:
    """Replace what a client may write; raises NotFound, PreconditionFailed or Conflict."""
    profile = await _locked(session, profile_id)
    expected.require(profile.version)
    for name, value in _columns(draft).items():
        setattr(profile, name, value)
    profile.updated_at = datetime.now(UTC)
    with _taken(draft):
        await session.flush()
    return ProfileOut.model_validate(profile)


@log_func_args
async def remove(session: WriteSession, profile_id: UUID, expected: ExpectedVersions) -> None:
    """Delete a profile and its headshot; raises NotFound or PreconditionFailed."""
    profile = await _locked(session, profile_id)
    expected.require(profile.version)
    await session.delete(profile)
    await session.flush()


@log_func_args
async def upload_headshot(session: WriteSession, profile_id: UUID, image: bytes) -> ProfileOut:
    """Store a picture and ask for its thumbnail; raises NotFound or InvalidInput."""
    try:
        media_type = await asyncio.to_thread(images.media_type, image)
    except images.NotAnImage as error:
        raise InvalidInput("body.image", str(error)) from error
    profile = await _locked(session, profile_id)
    version = uuid4()
    uploaded = {"version": version, "media_type": media_type, "image": image, "thumbnail": None}
    await session.merge(Headshot(profile_id=profile_id, **uploaded))
    await session.flush()
    await outbox.enqueue(session, MAKE_THUMBNAIL, profile_id=profile_id, version=version)
    stored = ProfileOut.model_validate(profile)
    return stored.model_copy(update={"headshot": HeadshotState.PROCESSING})


async def thumbnail(reads: ReadConnection, profile_id: UUID) -> bytes:
    """Return a profile's thumbnail; raises NotFound while there is none."""
    found = await reads.execute(select(Headshot.thumbnail).where(Headshot.profile_id == profile_id))
    data = found.scalar_one_or_none()
    if data is None:
        raise NotFound(f"profile {profile_id} has no thumbnail yet")
    if data == NO_THUMBNAIL:
        raise NotFound(f"profile {profile_id} has a headshot that cannot be decoded")
    return bytes(data)


async def uploaded_image(reads: ReadConnection, profile_id: UUID, version: UUID) -> bytes | None:
    """Return the picture of that very upload, or None when it was replaced or deleted since."""
    found = await reads.execute(select(Headshot.image).where(*_upload(profile_id, version)))
    return found.scalar_one_or_none()


async def attach_thumbnail(
    session: WriteSession, profile_id: UUID, version: UUID, data: bytes
) -> None:
    """Store the thumbnail of that very upload; nothing happens when it was replaced since."""
    await session.execute(
        update(Headshot).where(*_upload(profile_id, version)).values(thumbnail=data)
    )


def _upload(profile_id: UUID, version: UUID) -> tuple[ColumnElement[bool], ...]:
    return Headshot.profile_id == profile_id, Headshot.version == version


def _columns(draft: ProfileIn) -> dict[str, object]:
    return {**draft.model_dump(), "name_key": sort_key(draft.full_name)}


async def _locked(session: WriteSession, profile_id: UUID) -> Profile:
    """Return the profile, which nobody else changes before this transaction ends."""
    profile = await session.get(Profile, profile_id, with_for_update=True)
    if profile is None:
        raise _not_found(profile_id)
    return profile


def _not_found(profile_id: UUID) -> NotFound:
    return NotFound(f"there is no profile {profile_id}")


@contextmanager
def _taken(draft: ProfileIn) -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        raise Conflict(f"employee number {draft.employee_number} is taken") from error
