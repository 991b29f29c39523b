"""A database that cannot be reached, for tests of what is said and done meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.core.database import Database


@pytest.fixture
async def away(tmp_path: Path) -> AsyncIterator[Database]:
    """A database that cannot be opened, because there is no such folder."""
    database = Database(f"sqlite:///{tmp_path / 'nowhere' / 'app.db'}")
    others = set(threading.enumerate())
    yield database
    await database.close()
    await asyncio.to_thread(_let_drivers_end, others)


def _let_drivers_end(others: set[threading.Thread]) -> None:
    """Wait for threads of connections that failed: they report to the event loop, if it lives."""
    for thread in set(threading.enumerate()) - others:
        if "_connection_worker_thread" in thread.name:
            thread.join(timeout=5)
