"""What the maker of a venv has left in it besides packages: kept when it was made, to compare.

No RECORD names the links to Python, the scripts that activate it and virtualenv's own hook.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from bootstrap.files import text_of, write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from bootstrap.machine.pins import Pins

_KEPT = "headstart-venv.json"
_PROGRAMS = re.compile(r"(?i)(de)?activate|python|pydoc")
_HOOK = ("_virtualenv.pth", "_virtualenv.py")  # virtualenv's and uv's: the first runs the second


def keep(pins: Pins) -> None:
    """Remember them, as they are now."""
    programs = (path for path in (pins.venv / "bin").iterdir() if _PROGRAMS.match(path.name))
    hook = (path for name in _HOOK if (path := pins.site_packages / name).exists())
    found = {str(path.relative_to(pins.venv)): _digest(path) for path in (*programs, *hook)}
    write_atomically(pins.venv / _KEPT, json.dumps(found), mode=0o644)


def adopt(pins: Pins) -> None:
    """The same for a venv that others have made, or an earlier Headstart, the first time."""
    if not _kept(pins):
        keep(pins)


def lost(pins: Pins) -> Path | None:
    """A program that is gone, or the venv's Python by another name and no longer the same.

    What they contain is not compared: people edit what activates a venv.
    """
    paths = (pins.venv / name for name in _kept(pins))
    programs = (path for path in paths if path.parent != pins.site_packages)
    return next((path for path in programs if not path.exists() or _strayed(path, pins)), None)


def _strayed(program: Path, pins: Pins) -> bool:
    return (
        program.name.startswith("python")
        and program.is_symlink()
        and not program.samefile(pins.venv_python)
    )


def hook(pins: Pins) -> set[Path]:
    """virtualenv's own, as long as it is; one of a venv that others made only has to look so."""
    paths, kept = [pins.site_packages / name for name in _HOOK], _kept(pins)
    if kept:
        as_made = all(kept.get(str(path.relative_to(pins.venv))) == _digest(path) for path in paths)
    else:
        as_made = text_of(paths[0]).strip() == "import _virtualenv"
    return set(paths) if as_made else set()


def _kept(pins: Pins) -> dict[str, str]:
    try:
        found = json.loads(text_of(pins.venv / _KEPT))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _digest(path: Path) -> str:
    with suppress(OSError):
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return ""
