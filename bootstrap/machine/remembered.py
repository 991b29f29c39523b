"""What was found out once, kept on this machine while all that it follows from is the same."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from bootstrap import __version__, state
from bootstrap.files import text_of, write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Found = TypeVar("Found")


def remembered(kind: str, follows_from: Iterable[str], find: Callable[[], Found]) -> Found:
    """What `find` gives: something that JSON can say. A damaged note of it is no note."""
    place = state.stamp(state.cache_of(kind), kind, "\0".join((__version__, *follows_from)))
    try:
        found: Found = json.loads(text_of(place))
    except ValueError:
        found = find()
        with suppress(OSError):  # only a shortcut
            write_atomically(place, json.dumps(found), mode=0o600)
    return found
