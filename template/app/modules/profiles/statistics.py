"""What is counted of profiles."""

from __future__ import annotations

from app.features.statistics import Measure, Statistic
from app.modules.profiles.models import Profile

STATISTICS = (
    Statistic(
        "profiles_created",
        Profile.created_at,
        by=(Profile.department,),
        values={"profiles": Measure("count")},
    ),
)
