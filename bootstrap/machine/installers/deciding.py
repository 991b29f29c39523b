"""What of a project's own file decides what is installed; the rest may change at any time."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# The tables that say what is installed. The others are for other tools.
_TABLES = ("project", "build-system", "dependency-groups")
_TOOLS = ("poetry", "uv", "pdm", "flit", "hatch", "setuptools")
# What of them asks for packages. The rest (version, scripts, …) is about the project itself, and
# only where that is installed too is it a part of the installation. Poetry's are those that the
# content-hash of its lock covers.
_ASKING = {
    "project": ("name", "requires-python", "dependencies", "optional-dependencies"),
    "tool.poetry": ("dependencies", "dev-dependencies", "group", "extras", "source"),
}
_VIRTUAL = re.compile(
    rb'^(\[\[package\]\]\nname = .*\n)version = .*\n(?=source = \{ virtual = "\." \})', re.MULTILINE
)


def of_project(content: bytes, is_installed: Callable[[Mapping[str, object]], bool]) -> bytes:
    """A pyproject.toml, without what decides nothing; one that cannot be read as it is."""
    import tomllib  # noqa: PLC0415 - lists of requirements do without

    try:
        document = tomllib.loads(content.decode())
    except ValueError:
        return content
    tables = {name: document[name] for name in _TABLES if name in document}
    tools = table(document, "tool")
    tables |= {f"tool.{name}": tools[name] for name in _TOOLS if name in tools}
    # What is dynamic, the project's builder finds out by any of its settings.
    if not (is_installed(document) or "dynamic" in table(document, "project")):
        tables = {name: _asking(name, each) for name, each in tables.items()}
    return json.dumps(tables, sort_keys=True, default=str).encode()


def of_uv_lock(content: bytes) -> bytes:
    """A uv.lock, without the version of the project itself where that is not installed."""
    return _VIRTUAL.sub(rb"\1", content)


def table(document: Mapping[str, object], *names: str) -> Mapping[str, object]:
    """A table in a table; an empty one where it is none."""
    found: object = document
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _asking(name: str, whole: object) -> object:
    if name not in _ASKING or not isinstance(whole, dict):
        return whole
    return {key: whole[key] for key in _ASKING[name] if key in whole}
