"""Pausing the jobs for whoever is no coroutine: they are drained, and resumed whatever happens.

The pause is short and renewed as long as its process lives: when that is killed, it ends by itself.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import structlog

from app.core.database import Database
from app.features.operations import pause

logger = structlog.get_logger(__name__)

LASTING = timedelta(seconds=60)
RENEWED_EVERY = LASTING / 4

T = TypeVar("T")


@contextmanager
def paused_jobs(url: str, seconds: float, say: Callable[[str], None]) -> Iterator[None]:
    """Begin no job anywhere, and wait until none runs; raises TimeoutError when one still does."""
    holder = f"{getpass.getuser()}@{socket.gethostname()}:{os.getpid()}"
    ended = threading.Event()
    _in_database(url, lambda database: pause.pause(database, holder, LASTING))
    renewing = threading.Thread(target=_renew, args=(url, holder, ended), daemon=True)
    renewing.start()
    try:
        say("the jobs are paused; waiting for those that run")
        within = timedelta(seconds=seconds)
        busy = _in_database(url, lambda database: pause.drained(database, within))
        if busy:
            names = ", ".join(f"{runner.name} ({runner.running} jobs)" for runner in busy)
            raise TimeoutError(f"still at work after {seconds:g} s: {names}")
        yield
    finally:
        ended.set()
        renewing.join()
        _in_database(url, pause.resume)
        say("the jobs are resumed")


def _renew(url: str, holder: str, ended: threading.Event) -> None:
    while not ended.wait(RENEWED_EVERY.total_seconds()):
        try:
            _in_database(url, lambda database: pause.pause(database, holder, LASTING))
        except Exception:
            # What is migrated right now may be locked; there are more turns before the end.
            logger.warning("pause.not_renewed", exc_info=True)


def _in_database(url: str, work: Callable[[Database], Awaitable[T]]) -> T:
    async def run() -> T:
        database = Database(url)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())
