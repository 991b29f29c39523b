"""Versions of dotted numbers, and which pips work on which Python."""

from __future__ import annotations

# The oldest pip that works on a Python, measured by installing, listing and checking with each:
# older ones answer `pip -V` and then die (pkgutil.ImpImporter is gone since 3.12).
_OLDEST_PIP = (((3, 12), "23.1.2"), ((3, 10), "19.3.1"))
# The newest pip that still supports a Python, by its own Requires-Python.
_NEWEST_PIP = {"3.6": "21.3.1", "3.7": "24.0", "3.8": "25.0.1", "3.9": "26.0.1"}
CURRENT_PIP = "26.3"


def numbers(version: str) -> tuple[int, ...]:
    """(3, 13, 0) for 3.13.0; empty where it is not made of numbers alone."""
    parts = version.split(".")
    plain = all(part.isascii() and part.isdigit() for part in parts)
    return tuple(map(int, parts)) if plain else ()


def minor(version: str) -> str:
    """3.13 for 3.13.0."""
    return ".".join(version.split(".")[:2])


def oldest_pip(python: str) -> str:
    """The oldest that works on that Python; empty where every one does."""
    return next((pip for since, pip in _OLDEST_PIP if numbers(python) >= since), "")


def newest_pip(python: str) -> str:
    """The newest that works on that Python; empty where it has no limit yet."""
    return _NEWEST_PIP.get(minor(python), "")
