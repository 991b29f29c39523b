"""Files: read where there are any, written completely or not at all, locked for one process."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def text_of(path: Path) -> str:
    """What is in a file, for a look at it; empty where there is none to read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


@contextmanager
def draft(path: Path) -> Iterator[Path]:
    """A file beside `path`, to be written; it takes the place of `path` unless the block fails."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.draft")
    beside.unlink(missing_ok=True)
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_atomically(path: Path, text: str, *, mode: int) -> None:
    """Replace `path` with `text`, durably; a reader sees the old file or the new one."""
    with draft(path) as beside:
        _write(beside, text, mode)


def replace_text(path: Path, text: str) -> None:
    """Write a file that is somebody else's: with its own mode, and through a link to where it is.

    Dotfiles are often kept elsewhere and linked to.
    """
    file = path.resolve()
    mode = file.stat().st_mode & 0o777 if file.exists() else 0o644
    write_atomically(file, text, mode=mode)


def remove(path: Path) -> None:
    """Remove a folder or a file, where it is there; of a link, only the link."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def create_atomically(path: Path, text: str, *, mode: int) -> None:
    """Create `path` with `text`; FileExistsError, and nothing written, when it is already there.

    The draft of a killed attempt is overwritten by the next one, which has the same name for it.
    """
    beside = path.with_name(f"{path.name}.draft")
    beside.unlink(missing_ok=True)
    try:
        _write(beside, text, mode)
        path.hardlink_to(beside)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def exclusive(path: Path, busy: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock in the file `path`; it ends with this process at the latest.

    While another process holds it, `busy` gets that one's number, and may raise; else we wait.
    """
    with path.open("a+", encoding="utf-8") as lock:
        if not _is_ours(lock):
            lock.seek(0)
            busy(lock.read().strip())
            fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _is_ours(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(beside: Path, text: str, mode: int) -> None:
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    # Bytes that are no UTF-8 are somebody's own, and stay what they were read as.
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
