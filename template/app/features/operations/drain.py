"""Pausing the jobs for whoever is no coroutine: they are drained, and resumed whatever happens.

The pause is short and renewed as long as its process lives: when that is killed, it ends by itself.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import socket
import threading
import time
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
# How long to wait for the end of somebody else's pause: for another migration, say.
PATIENCE = timedelta(minutes=10)

T = TypeVar("T")


@contextmanager
def paused_jobs(url: str, seconds: float, say: Callable[[str], None]) -> Iterator[threading.Event]:
    """Begin no job anywhere, and wait until none runs; raises TimeoutError when one still does.

    Yields an event that is set when the pause cannot be renewed, before it ends.
    """
    holder = f"{getpass.getuser()}@{socket.gethostname()}:{os.getpid()}"
    _pause_in_turn(url, holder, say)
    ended, lost = threading.Event(), threading.Event()
    renewing = threading.Thread(target=_renew, args=(url, holder, ended, lost, say), daemon=True)
    renewing.start()
    try:
        say("the jobs are paused; waiting for those that run")
        within = timedelta(seconds=seconds)
        busy = _in_database(url, lambda database: pause.drained(database, within))
        if busy:
            names = ", ".join(f"{runner.name} ({runner.running} jobs)" for runner in busy)
            raise TimeoutError(f"still at work after {seconds:g} s: {names}")
        yield lost
    finally:
        ended.set()
        renewing.join()
        if not lost.is_set():  # or it may be somebody else's by now
            _in_database(url, pause.resume)
            say("the jobs are resumed")


def _pause_in_turn(url: str, holder: str, say: Callable[[str], None]) -> None:
    """Pause, when whoever pauses now has ended; raises TimeoutError."""
    end, waiting = time.monotonic() + PATIENCE.total_seconds(), False
    while True:
        try:
            _in_database(url, lambda database: pause.pause(database, holder, LASTING))
        except pause.PausedByOther as other:
            if time.monotonic() > end:
                raise TimeoutError(f"the jobs are still paused by {other}") from other
            if not waiting:
                say(f"the jobs are paused by {other}; waiting for its end")
            waiting = True
            time.sleep(1)
        else:
            return


def _renew(
    url: str,
    holder: str,
    ended: threading.Event,
    lost: threading.Event,
    say: Callable[[str], None],
) -> None:
    renewed = time.monotonic()
    while not ended.wait(RENEWED_EVERY.total_seconds()):
        try:
            _in_database(url, lambda database: pause.pause(database, holder, LASTING))
            renewed = time.monotonic()
        except Exception as error:  # noqa: BLE001 - whatever it is, there are more turns
            # What is migrated right now may be locked. On SQLite nobody can begin a job either,
            # as long as it is.
            logger.warning("pause.not_renewed", error=str(error).partition("\n")[0])
            late = time.monotonic() - renewed > (LASTING - RENEWED_EVERY).total_seconds()
            if late and not lost.is_set() and not url.startswith("sqlite"):
                say("the pause is lost: the migration stops before its next statement")
                lost.set()


def _in_database(url: str, work: Callable[[Database], Awaitable[T]]) -> T:
    async def run() -> T:
        database = Database(url)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())
