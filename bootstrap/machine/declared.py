"""What a pyproject.toml says that its project needs, as requirements (PEP 621, PEP 735)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bootstrap.files import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path


def requirements(file: Path, extras: Iterable[str], groups: Iterable[str]) -> tuple[str, ...]:
    """Those of the project, and those of its extras and groups that are wanted besides."""
    document = _document(file)
    project = document.get("project", {})
    optional = project.get("optional-dependencies", {})
    stated = document.get("dependency-groups", {})
    found = [*project.get("dependencies", ())]
    found += [line for extra in extras for line in optional.get(extra, ())]
    found += [line for group in groups for line in _of_group(stated, group, frozenset())]
    return tuple(found)


def groups(file: Path) -> tuple[str, ...]:
    """The names of those it has."""
    return tuple(_document(file).get("dependency-groups", {}))


def _document(file: Path) -> dict[str, Any]:
    """Nothing where it is none."""
    import tomllib  # noqa: PLC0415 - lists of requirements do without

    try:
        return tomllib.loads(text_of(file))
    except tomllib.TOMLDecodeError:
        return {}


def _of_group(
    stated: Mapping[str, list[object]], group: str, above: frozenset[str]
) -> Iterator[str]:
    """A group may include others."""
    for each in stated.get(group, ()) if group not in above else ():
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict) and isinstance(inner := each.get("include-group"), str):
            yield from _of_group(stated, inner, above | {group})
