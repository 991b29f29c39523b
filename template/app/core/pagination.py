"""Since 0.8.0 this is `app.core.listing`; only `copier update` brings this file."""

import warnings

from app.core.listing import (
    DEEPEST_ROW,
    LARGEST_PAGE,
    LONGEST_CURSOR,
    PAGING,
    SIGNATURE_BYTES,
    Asked,
    Cursors,
    Page,
    PageQuery,
    Position,
    T,
)

__all__ = [
    "DEEPEST_ROW",
    "LARGEST_PAGE",
    "LONGEST_CURSOR",
    "PAGING",
    "SIGNATURE_BYTES",
    "Asked",
    "Cursors",
    "Page",
    "PageQuery",
    "Position",
    "T",
]

warnings.warn("app.core.pagination is app.core.listing now", DeprecationWarning, stacklevel=2)
