"""A worker, for what is received and for what is sent."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable

import pytest

from app.core.database import Database
from tests.claiming import work as work_all

Work = Callable[[], Awaitable[int]]


@pytest.fixture
def work(database: Database) -> Work:
    """Do every job that is due, one attempt each; return how many there were."""

    return functools.partial(work_all, database)
