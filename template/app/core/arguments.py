"""What operators may write after a command: whatever a database would refuse is refused here."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import UTC, datetime

MOST = 10_000


def limit(text: str) -> int:
    """Read how many are to be listed."""
    number = int(text)
    if not 1 <= number <= MOST:
        raise ArgumentTypeError(f"{number} is not between 1 and {MOST}")
    return number


def instant(text: str) -> datetime:
    """Read a time, in UTC where it names no zone."""
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ArgumentTypeError(f"{text!r} is no time such as 2026-11-30T09:00+08:00") from None


def line(text: str) -> str:
    """Read a text that is one line, and can be shown and stored."""
    if not text.isprintable():
        raise ArgumentTypeError(f"{text!r} is not one line of text")
    return text
