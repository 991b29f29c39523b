"""What is counted of profiles."""

from __future__ import annotations

from app.features.statistics import Statistic, count, endpoints
from app.modules.profiles.models import Profile

CREATED = Statistic(
    "profiles_created",
    at=Profile.created_at,
    by={"department": Profile.department},
    measures={"created": count()},
)

router = endpoints(CREATED)
