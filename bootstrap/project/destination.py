"""Where a new project goes: whether it may, and how it gets there in one piece.

A project is prepared in a hidden *staging* folder and then moved into place. A new destination's
staging folder is beside it, and the move is one atomic rename. A destination that exists and is
empty may be a mount point or the current folder, and is kept: its staging folder is inside, and
the entries of the project move one by one. A list of them lets the next run undo a killed move.
"""

import errno
import glob
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bootstrap.errors import Refused
from bootstrap.files import write_atomically
from bootstrap.language import Said
from bootstrap.paths import real_path

_MOVED = "moved.json"
_TAKEN = frozenset({errno.EEXIST, errno.ENOTDIR, errno.ENOTEMPTY, errno.EISDIR})


def acceptable(destination: Path) -> Path:
    """The absolute path of `destination`, if a project may be made there.

    What runs that were killed left there is removed.
    """
    path = Path(os.path.abspath(destination))  # noqa: PTH100  (resolve() would follow links)
    _check_kind(path)
    _check_home(path)
    _clear_leftovers(path)
    _check_empty(path)
    return path


def home(path: Path) -> Path:
    """Where the staging folder is: in the destination if it exists, else beside it."""
    return path if path.is_dir() else path.parent


@contextmanager
def staging(path: Path) -> Iterator[Path]:
    """A hidden folder to prepare the project in; it is removed in any case."""
    folder = home(path) / f"{_prefix(path)}{os.getpid()}-{secrets.token_hex(4)}"
    try:  # from before it is there, or an interruption in between would leave it
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        _remove(folder, path)


def move_into_place(project: Path, path: Path) -> None:
    """Move the prepared project to its destination, never over anything there."""
    try:
        if project.parent.parent == path:
            _move_entries(project, path)
        else:
            project.rename(path)
    except OSError as error:
        if error.errno in _TAKEN:
            raise _taken(path, Said("it was made while this ran")) from error
        raise


def _move_entries(project: Path, path: Path) -> None:
    _check_empty(path)
    names = sorted(entry.name for entry in project.iterdir())
    _record(project.parent, names)
    for name in names:
        (project / name).rename(path / name)
    _record(project.parent, [])


def _check_kind(path: Path) -> None:
    if os.path.lexists(path) and not path.is_dir():
        kind = Said("a link to nothing") if path.is_symlink() else "a file"
        raise Refused(
            Said("{path} exists and is {kind}.", path=path, kind=kind),
            next=(Said("choose another destination"),),
        )


def _check_home(path: Path) -> None:
    folder = home(path)
    if not folder.is_dir():
        raise Refused(
            Said("{path} cannot be made.", path=path),
            why=(Said("the folder {folder} does not exist", folder=folder),),
            next=(Said("make it first: mkdir -p '{folder}'", folder=folder),),
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Refused(
            Said("{path} cannot be made.", path=path),
            why=(Said("you may not write to {folder}", folder=folder),),
            next=(Said("choose a destination in a folder of yours"),),
        )


def _check_empty(path: Path) -> None:
    entries = sorted(entry.name for entry in path.iterdir()) if path.is_dir() else []
    found = [name for name in entries if not name.startswith(_prefix(path))]
    if found:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""  # noqa: PLR2004
        raise _taken(
            path,
            *_spelled(path),
            Said("it holds {names}{more}", names=", ".join(found[:3]), more=more),
        )


def _spelled(path: Path) -> Iterator[str]:
    """On a Mac, `Shop` is the folder `shop` that is there."""
    listed = real_path(path).name
    if listed != path.name and listed.casefold() == path.name.casefold():
        yield Said(
            "it is the folder {listed}: capitals are not told from small letters there",
            listed=listed,
        )


def _taken(path: Path, *why: str) -> Refused:
    return Refused(
        Said("{path} exists and is not empty.", path=path),
        why=why,
        next=(Said("choose another destination, or empty it first"),),
    )


def _prefix(path: Path) -> str:
    return f".{path.name}.headstart-"


def _clear_leftovers(path: Path) -> None:
    """Remove the staging folders of killed runs."""
    prefix = _prefix(path)
    pattern = f"{glob.escape(prefix)}*"
    for folder in (*path.parent.glob(pattern), *path.glob(pattern)):
        owner = folder.name.removeprefix(prefix).partition("-")[0]
        if owner.isdecimal() and not _runs(int(owner)):
            _remove(folder, path)


def _runs(process: int) -> bool:
    if process == os.getpid():  # reused: this run has none yet (in a container, often 1)
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _remove(folder: Path, path: Path) -> None:
    _take_back(folder, path)
    shutil.rmtree(folder, ignore_errors=True)


def _record(folder: Path, names: list[str]) -> None:
    """Note what is being moved."""
    write_atomically(folder / _MOVED, json.dumps(names), mode=0o600)


def _take_back(folder: Path, path: Path) -> None:
    """Undo an unfinished move: listed entries that are not in the staging folder were moved."""
    record = folder / _MOVED
    if not record.is_file():
        return
    for name in json.loads(record.read_text(encoding="utf-8")):
        prepared, moved = folder / path.name / name, path / name
        if not os.path.lexists(prepared) and os.path.lexists(moved):
            moved.rename(prepared)
