"""Whether a person is at the other end of a stream."""

from __future__ import annotations

import sys
from typing import TextIO


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person sees it; a stream that was closed before this process began is None."""
    return stream is not None and stream.isatty()


def can_ask() -> bool:
    """Whether somebody can answer a question."""
    return is_terminal(sys.stdin)
