"""What this machine refuses: a full disk, a file that may not be read, whatever we were doing."""

import errno
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bootstrap.errors import HeadstartError, UsageError
from bootstrap.language import Said
from bootstrap.state import state_dir

_LITTLE = 4 << 20  # bytes; less is left where a disk has just been too full for something
_ROOM = Said("make room there, then run the same command again")
_PERMISSION = Said("give permission there, then run the same command again")
_WRITABLE = Said("make it writable, then run the same command again")
_LIMIT = Said("allow larger files: ulimit -f unlimited; then run the same command again")
_OF_SYSTEM = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), (Said("A disk is full."), _ROOM)),
    errno.EFBIG: (Said("A file would be larger than this process may write."), _LIMIT),
    errno.EROFS: (
        Said("Something that has to be written is on a read-only file system."),
        _WRITABLE,
    ),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM),
        (Said("This user may not read or write something that Headstart needs."), _PERMISSION),
    ),
}
_OTHER = (
    Said("This machine could not read or write something that Headstart needs."),
    Said("fix that, then run the same command again"),
)
_AS_SAID = {
    "No space left": _ROOM,
    "Out of diskspace": _ROOM,
    "Disk quota exceeded": _ROOM,
    "File too large": _LIMIT,
    "File size limit exceeded": _LIMIT,
    f"died of signal {signal.SIGXFSZ.value}": _LIMIT,
    "Read-only file system": _WRITABLE,
    "Permission denied": _PERMISSION,
    "insufficient permission": _PERMISSION,
    "Operation not permitted": _PERMISSION,
}


def of_system(error: OSError) -> HeadstartError:
    """An error of the system in the form that people can act on: it names the place."""
    if _current() is None:
        return UsageError(
            Said("The folder that you are in has been deleted."),
            next=(Said("cd to one that is there"),),
        )
    what, step = _OF_SYSTEM.get(error.errno or 0, _OTHER)
    place = error.filename2 or error.filename
    where = f"{place}: " if place else ""
    return HeadstartError(
        what,
        why=(
            f"{where}{error.strerror or error}",
            *(_full() if step == _ROOM else ()),
        ),
        next=(step, Said("with --debug it shows what it was doing")),
    )


def system_steps(said: tuple[str, ...], otherwise: str = "") -> tuple[str, ...]:
    """What to do where a program says that a disk is full, or that it may not write.

    If it says neither, but failed `otherwise`, there may still be a disk with little room.
    """
    text = "\n".join(said)
    found = dict.fromkeys(step for sign, step in _AS_SAID.items() if sign in text)
    places = tuple(_full()) if _ROOM in found or (otherwise and not found) else ()
    return (*places, *(found or ([_ROOM] if places else filter(None, [otherwise]))))


def _full() -> Iterator[str]:
    """The places for which there is little room; what was begun there may be gone again."""
    places = {"HEADSTART_STATE_DIR": state_dir(), "TMPDIR": Path(tempfile.gettempdir())}
    if here := _current():
        places["this folder"] = here
    for name, folder in places.items():
        there = next((each for each in (folder, *folder.parents) if os.access(each, os.F_OK)), None)
        free = shutil.disk_usage(there).free if there else _LITTLE
        if free < _LITTLE:
            yield f"little room in {folder} ({name}): {free >> 10} KiB"


def _current() -> Path | None:
    """None where it has been deleted."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None
