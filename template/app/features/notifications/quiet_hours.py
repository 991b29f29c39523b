"""Quiet hours: when nobody is to be woken by a text message."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

_FORM = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True)
class QuietHours:
    """From `begin` until `end` on the clock; over midnight where `end` is the earlier one."""

    begin: time
    end: time

    @classmethod
    def read(cls, text: str) -> QuietHours:
        """Read "21:00-08:00"; raises ValueError."""
        match = _FORM.fullmatch(text.strip())
        if match is None:
            raise ValueError("quiet hours are written as in 21:00-08:00")
        hours = [int(each) for each in match.groups()]
        found = cls(time(hours[0], hours[1]), time(hours[2], hours[3]))
        if found.begin == found.end:
            raise ValueError("quiet hours begin and end at different times")
        return found

    def over_at(self, now: datetime, zone: tzinfo) -> datetime:
        """Return when a message that is ready `now` may be sent: at once, or at their end (UTC)."""
        clock = now.astimezone(zone)
        if not self._holds(clock.time()):
            return now
        day = clock.date() + timedelta(days=int(clock.time() >= self.end))
        return datetime.combine(day, self.end, tzinfo=zone).astimezone(UTC)

    def _holds(self, clock: time) -> bool:
        if self.begin < self.end:
            return self.begin <= clock < self.end
        return clock >= self.begin or clock < self.end
