"""What tests of the core stand on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.blocking_jobs import Gate, closed_gate
from tests.unreachable import away

__all__ = ["away"]


@pytest.fixture
def gate() -> Iterator[Gate]:
    """A gate that jobs wait at."""
    with closed_gate() as gate:
        yield gate
