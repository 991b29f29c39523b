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
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError:
        draft.unlink(missing_ok=True)
        raise
