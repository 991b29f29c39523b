"""The result of a command on a project's template: for programs a document, for people lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Report:
    """One command's result."""

    document: Mapping[str, object]
    lines: Sequence[str]
