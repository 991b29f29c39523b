"""What an environment.yml of conda says: its Python, its packages, and its section for pip."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bootstrap import lockfile
from bootstrap.files import text_of

if TYPE_CHECKING:
    from pathlib import Path

_NAMES = ("environment.yml", "environment.yaml")
_OWN = {"python", "pip", "setuptools", "wheel"}


def file_in(root: Path) -> Path | None:
    return next((root / name for name in _NAMES if (root / name).is_file()), None)


def packages(file: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What it names for conda, and for pip."""
    import yaml  # noqa: PLC0415 - for this form only

    try:
        document = yaml.safe_load(text_of(file))
    except yaml.YAMLError:
        return (), ()
    listed = document.get("dependencies") if isinstance(document, dict) else None
    entries = listed if isinstance(listed, list) else []
    for_pip = [line for each in entries if isinstance(each, dict) for line in each.get("pip") or ()]
    return tuple(each for each in entries if isinstance(each, str)), tuple(map(str, for_pip))


def inputs(file: Path) -> tuple[Path, ...]:
    """All that its section for pip depends on, itself first: lists, constraints, folders."""
    text = "\n".join(packages(file)[1])
    said = (line.says for line in lockfile.lines(text) if line.kind in {"include", "constraint"})
    lists = (at for name in said if (at := file.parent / name).is_file())
    found = (file, *(path for at in lists for path in lockfile.inputs(at)))
    return tuple(dict.fromkeys((*found, *lockfile.metadata_named(text, file.parent))))


def unreadable(root: Path) -> str:
    """Why the file of this folder cannot be parsed; empty where it can, or is not there."""
    import yaml  # noqa: PLC0415 - as above

    file = file_in(root)
    try:
        if file:
            yaml.safe_load(text_of(file))
    except yaml.YAMLError as error:
        return f"{file.name if file else ''} is no YAML: {' '.join(str(error).split())}"
    return ""


def only_condas(names: tuple[str, ...]) -> tuple[str, ...]:
    """What only conda can install: all but Python itself and what a venv is made with."""
    return tuple(each for each in names if _name(each) not in _OWN)


def python(names: tuple[str, ...]) -> tuple[str, str]:
    """A series or exact version of Python, or else what it is limited to; both may be empty."""
    return _limits(names, "python")


def pip(names: tuple[str, ...]) -> tuple[str, str]:
    """The same of pip."""
    return _limits(names, "pip")


def _limits(names: tuple[str, ...], name: str) -> tuple[str, str]:
    for each in names:
        said = each.rpartition("::")[2].removeprefix(name).strip() if _name(each) == name else ""
        if match := re.match(r"==?\s*(\d[\d.]*)(?:\.?\*)?(?:=\S*)?$", said):
            return match[1], ""
        if said:
            return "", said
    return "", ""


def _name(written: str) -> str:
    return re.split(r"[\s=<>!~\[]", written.rpartition("::")[2], maxsplit=1)[0].lower()
