"""Unpacking what `git archive` wrote, alike on every Python from 3.11.0.

`TarFile.extractall` is safe by its `filter`, which came with 3.11.4 (PEP 706). Here files and
folders are all there is to write, so nothing can lead out of the folder but a name, and none may.
"""

import shutil
import tarfile
from pathlib import Path, PurePosixPath

from bootstrap.errors import HeadstartError

_RUNNABLE, _PLAIN = 0o755, 0o644


def unpack(archive: Path, folder: Path) -> None:
    """Write the files of a tar archive into `folder`, which is new; refuse all that is no file."""
    with tarfile.open(archive) as content:
        for member in content:
            _write(content, member, folder.joinpath(*_inside(member).parts))


def _inside(member: tarfile.TarInfo) -> PurePosixPath:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts:
        raise HeadstartError(f"The archive has a name that leads out of it: {member.name}")
    return name


def _write(content: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    source = content.extractfile(member) if member.isfile() else None
    if source is None:
        raise HeadstartError(f"A template has files and folders only, and this is none: {target}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with source, target.open("xb") as file:
        shutil.copyfileobj(source, file)
    target.chmod(_RUNNABLE if member.mode & 0o100 else _PLAIN)
