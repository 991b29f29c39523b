"""Waiting for what happens elsewhere: deadlines only end what hangs."""

from __future__ import annotations

import time
from collections.abc import Callable

DEADLINE = 300.0  # seconds, after which something is taken to hang
LONG = 600.0  # the same, where builds and renders go before


def wait_until(
    condition: Callable[[], bool], what: str, seconds: float = DEADLINE, pause: float = 0.02
) -> None:
    """Wait for `condition`; fail with `what` was waited for."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:.0f} s in vain: {what}"
        time.sleep(pause)
