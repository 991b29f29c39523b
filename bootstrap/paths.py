"""The one path of a file, where many lead to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def real_path(path: Path) -> Path:
    """The one path of a file: no links in it, and each name as its folder lists it.

    On a Mac a file is found by every spelling, `SHOP` as well as `shop`; what is kept by its path,
    such as a lock, must be found by every spelling too.
    """
    parts = path.resolve().parts
    found = type(path)(parts[0])
    for name in parts[1:]:
        other = found / name.swapcase()
        has_spellings = other.name != name and other.exists() and other.samefile(found / name)
        found = found / (_as_listed(found, name) if has_spellings else name)
    return found


def _as_listed(folder: Path, name: str) -> str:
    try:
        names = [each.name for each in folder.iterdir()]
    except OSError:
        return name  # one may go through it without reading it
    spelled = (each for each in names if each.casefold() == name.casefold())
    return name if name in names else next(spelled, name)
