"""Profiles as files: what goes out is what the api gives, what comes in is known by its number."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import select

from app.core.database import WriteSession
from app.core.listing import sort_key
from app.features.transfers import Transfer, Written, endpoints
from app.modules.profiles import service
from app.modules.profiles.models import HeadshotState, Profile
from app.modules.profiles.schemas import ProfileIn, ProfileQuery


async def write(session: WriteSession, rows: Sequence[ProfileIn]) -> Sequence[Written]:
    """Create the profiles whose number is new, and change the others where they differ."""
    numbers = [row.employee_number for row in rows]
    known = select(Profile).where(Profile.employee_number.in_(numbers)).with_for_update()
    profiles = {each.employee_number: each for each in await session.scalars(known)}
    written = [_write(session, profiles.get(row.employee_number), row) for row in rows]
    await session.flush()
    return written


def _write(session: WriteSession, profile: Profile | None, row: ProfileIn) -> Written:
    now = datetime.now(UTC)
    values = row.model_dump()
    if profile is None:
        made = Profile(id=uuid4(), created_at=now, updated_at=now, headshot=HeadshotState.NONE)
        session.add(made)
        return _set(made, row, Written.CREATED)
    if all(getattr(profile, name) == value for name, value in values.items()):
        return Written.UNCHANGED
    profile.updated_at = now
    return _set(profile, row, Written.UPDATED)


def _set(profile: Profile, row: ProfileIn, written: Written) -> Written:
    for name, value in row.model_dump().items():
        setattr(profile, name, value)
    profile.name_key = sort_key(row.full_name)
    return written


PROFILES = Transfer(
    "profiles",
    listing=service.LISTING,
    query=ProfileQuery,
    row=ProfileIn,
    key=("employee_number",),
    write=write,
)

router = endpoints(PROFILES)
