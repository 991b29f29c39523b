"""The result of a command: a document for programs, items for people, and its exit code."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bootstrap.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from bootstrap.show.items import Item
    from bootstrap.show.page import Page


@dataclass(frozen=True)
class PageFile:
    """The page of a report: where it goes, and how it is built once it is needed."""

    path: Path
    build: Callable[[], Page]


@dataclass(frozen=True)
class Report:
    """A result, or a part of one; programs get nothing of a report without a document.

    A text among the items may be styled; `notes` go to standard error.
    """

    items: Sequence[Item] = ()
    document: Mapping[str, object] | None = None
    exit_code: ExitCode = ExitCode.DONE
    notes: Sequence[str] = ()
    page: PageFile | None = None

    def with_page(self, path: Path | None, build: Callable[[], Page] | None) -> Report:
        """The same report, which is also written to `path` as a page where that is given."""
        if path is None or build is None:
            return self
        return replace(
            self,
            items=[*self.items, f"As a page: {path}"],
            document={**(self.document or {}), "html": str(path.absolute())},
            page=PageFile(path, build),
        )
