"""Write a file completely or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_atomically(path: Path, text: str, *, mode: int) -> None:
    """Replace `path` with `text`, durably; a reader sees the old file or the new one."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    _write(draft, text, mode)
    try:
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def replace_text(path: Path, text: str) -> None:
    """Write a file that is somebody else's: with its own mode, and through a link to where it is.

    Dotfiles are often kept elsewhere and linked to.
    """
    file = path.resolve()
    mode = file.stat().st_mode & 0o777 if file.exists() else 0o644
    write_atomically(file, text, mode=mode)


def create_atomically(path: Path, text: str, *, mode: int) -> None:
    """Create `path` with `text`; FileExistsError, and nothing written, when it is already there.

    The draft of a killed attempt is overwritten by the next one, which has the same name for it.
    """
    draft = path.with_name(f"{path.name}.draft")
    draft.unlink(missing_ok=True)
    _write(draft, text, mode)
    try:
        path.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)


def _write(draft: Path, text: str, mode: int) -> None:
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        # Bytes that are no UTF-8 are somebody's own, and stay what they were read as.
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError:
        draft.unlink(missing_ok=True)
        raise
