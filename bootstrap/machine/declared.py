"""What a pyproject.toml says that its project needs, as requirements (PEP 621, PEP 735)."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from bootstrap.files import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path


def requirements(file: Path, extras: Iterable[str], groups: Iterable[str]) -> tuple[str, ...]:
    """Those of the project, and those of its extras and groups that are wanted besides."""
    try:
        document = tomllib.loads(text_of(file))
    except tomllib.TOMLDecodeError:
        return ()
    project = document.get("project", {})
    optional = project.get("optional-dependencies", {})
    stated = document.get("dependency-groups", {})
    found = [*project.get("dependencies", ())]
    found += [line for extra in extras for line in optional.get(extra, ())]
    found += [line for group in groups for line in _of_group(stated, group, frozenset())]
    return tuple(found)


def groups(file: Path) -> tuple[str, ...]:
    try:
        return tuple(tomllib.loads(text_of(file)).get("dependency-groups", {}))
    except tomllib.TOMLDecodeError:
        return ()


def _of_group(
    stated: Mapping[str, list[object]], group: str, above: frozenset[str]
) -> Iterator[str]:
    """A group may include others."""
    for each in stated.get(group, ()) if group not in above else ():
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict) and isinstance(inner := each.get("include-group"), str):
            yield from _of_group(stated, inner, above | {group})
