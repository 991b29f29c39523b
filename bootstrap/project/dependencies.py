"""Whether a project asks for other packages than the template gave it."""

import tomllib
from collections.abc import Mapping

LOCKS = ("requirements.lock", "requirements-dev.lock", "poetry.lock", "uv.lock")


def edited(template: bytes, project: bytes) -> bool:
    """Whether the second pyproject.toml wants other packages than the first."""
    try:
        return _wanted(tomllib.loads(template.decode())) != _wanted(tomllib.loads(project.decode()))
    except ValueError:  # what cannot be read may want anything
        return True


def _wanted(document: Mapping[str, object]) -> dict[str, object]:
    """All that decides which packages are locked."""
    project, tool = _table(document, "project"), _table(document, "tool")
    names = ("dependencies", "optional-dependencies", "requires-python")
    return {
        **{name: _sorted(project.get(name)) for name in names},
        "dependency-groups": _sorted(document.get("dependency-groups")),
        **{name: _sorted(tool.get(name)) for name in ("poetry", "uv")},
    }


def _table(document: Mapping[str, object], name: str) -> Mapping[str, object]:
    table = document.get(name)
    return table if isinstance(table, dict) else {}


def _sorted(value: object) -> object:
    """The value without the order of its lists, which decides nothing."""
    if isinstance(value, dict):
        return {name: _sorted(item) for name, item in value.items()}
    return sorted(map(str, value)) if isinstance(value, list) else value
