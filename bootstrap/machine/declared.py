"""What a pyproject.toml says that its project needs, as requirements (PEP 621, PEP 735).

Groups that a tool has in a table of its own, from before PEP 735, are groups too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bootstrap.files import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_IN_PROJECT = re.compile(r"^-e\s+file:///\$\{PROJECT_ROOT\}/([^#\s]*)\S*")


def requirements(file: Path, extras: Iterable[str], groups: Iterable[str]) -> tuple[str, ...]:
    """Those of the project, and those of its extras and groups that are wanted besides."""
    document = _document(file)
    project = document.get("project", {})
    optional = project.get("optional-dependencies", {})
    stated = _groups(document)
    found = [*project.get("dependencies", ())]
    found += [line for extra in extras for line in optional.get(extra, ())]
    found += [line for group in groups for line in _of_group(stated, group, frozenset())]
    return tuple(found)


def groups(file: Path) -> tuple[str, ...]:
    """The names of those it has."""
    return tuple(_groups(_document(file)))


def _document(file: Path) -> dict[str, Any]:
    """Nothing where it is none."""
    import tomllib  # noqa: PLC0415 - lists of requirements do without

    try:
        return tomllib.loads(text_of(file))
    except tomllib.TOMLDecodeError:
        return {}


def groups_of_tools(file: Path) -> dict[str, tuple[str, ...]]:
    """Groups that only their own tool knows: those of PDM, and the one of uv."""
    return _of_tools(_document(file))


def _groups(document: Mapping[str, dict[str, Any]]) -> dict[str, list[object]]:
    found = {name: list(lines) for name, lines in document.get("dependency-groups", {}).items()}
    for name, lines in _of_tools(document).items():
        found[name] = [*found.get(name, []), *lines]
    return found


def _of_tools(document: Mapping[str, dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    """PDM's editable packages lie in the project, which it calls by a variable of its own."""
    tools = document.get("tool", {})
    stated = dict(tools.get("pdm", {}).get("dev-dependencies", {}))
    if of_uv := tools.get("uv", {}).get("dev-dependencies"):
        stated["dev"] = [*stated.get("dev", []), *of_uv]
    return {
        name: tuple(_IN_PROJECT.sub(r"-e ./\1", line) for line in lines)
        for name, lines in stated.items()
    }


def _of_group(
    stated: Mapping[str, list[object]], group: str, above: frozenset[str]
) -> Iterator[str]:
    """A group may include others."""
    for each in stated.get(group, ()) if group not in above else ():
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict) and isinstance(inner := each.get("include-group"), str):
            yield from _of_group(stated, inner, above | {group})
