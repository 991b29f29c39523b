"""Things: a tiny module for the tests alone, so that they hold whatever modules the project has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from app import modules

URL = "/test/things"


@contextmanager
def listed() -> Iterator[None]:
    """Let an api that is made meanwhile have things, beside the modules of the project."""
    with patch.object(modules, "MODULES", (*modules.MODULES, __name__)):
        yield


def draft(number: int = 1, **fields: str) -> dict[str, str]:
    return {"number": f"T-{number:03}", "name": "Lovelace", "kind": "engine"} | fields
