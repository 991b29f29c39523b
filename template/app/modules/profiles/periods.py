"""What is frozen of profiles when a period is closed, and what has to be done before."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Select, select

from app.features.periods import Check, Frozen
from app.modules.profiles.models import Headshot, Profile

PROFILES = Frozen(Profile.created_at)
HEADSHOTS = Frozen(Profile.created_at, of=Headshot.profile_id)


def _without_thumbnail(begin: datetime, end: datetime) -> Select[str]:
    inside = Profile.created_at >= begin, Profile.created_at < end
    waiting = select(Profile.employee_number).join(Headshot, Headshot.profile_id == Profile.id)
    return waiting.where(Headshot.thumbnail.is_(None), *inside)


THUMBNAILS = Check("every headshot has its thumbnail", _without_thumbnail)
