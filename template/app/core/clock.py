"""Waiting, without anything being cut off."""

from __future__ import annotations

import asyncio
from datetime import timedelta


async def happens(event: asyncio.Event, *, within: timedelta) -> bool:
    """Wait for `event`; say whether it came in time."""
    try:
        await asyncio.wait_for(event.wait(), within.total_seconds())
    except TimeoutError:
        return False
    return True
