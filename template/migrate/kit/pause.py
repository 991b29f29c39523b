"""Pausing the project's jobs while it is migrated, where the project has jobs that can be paused.

The seam is a function `paused_jobs(database_url, seconds, say)` of a feature, a context manager: it
enters when no job runs, with an event that is set when the pause is about to be lost, and raises
TimeoutError when it takes longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Event

from migrate.errors import LockTimeout, MigrationUnsafe

PausedJobs = Callable[[str, float, Callable[[str], None]], AbstractContextManager[Event]]


@contextmanager
def paused(url: str, seconds: float, say: Callable[[str], None]) -> Iterator[Event]:
    """Let no job begin, wait until none runs, and resume them whatever happens."""
    seam = _seam()
    if seam is None:
        raise MigrationUnsafe(
            "this project has no jobs that can be paused: stop its workers by hand, and leave out "
            "--pause-workers"
        )
    jobs = seam(url, seconds, say)
    try:
        lost = jobs.__enter__()
    except TimeoutError as error:
        message = f"{error}\nThe jobs go on, and nothing was changed: --drain-timeout waits longer."
        raise LockTimeout(message) from error
    try:
        yield lost
    finally:
        jobs.__exit__(None, None, None)


def _seam() -> PausedJobs | None:
    from app import features  # noqa: PLC0415 - only who pauses pays for all of them

    seams: list[PausedJobs | None] = [
        getattr(feature, "paused_jobs", None) for feature in features.found()
    ]
    return next((seam for seam in seams if seam is not None), None)
