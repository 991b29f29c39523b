"""Since 0.8.0 this is `app.core.listing`; only `copier update` brings this file, until 0.9.0."""

import warnings

from app.core.listing import (
    Asked as Asked,
    Cursors as Cursors,
    DEEPEST_ROW as DEEPEST_ROW,
    LARGEST_PAGE as LARGEST_PAGE,
    LONGEST_CURSOR as LONGEST_CURSOR,
    PAGING as PAGING,
    Page as Page,
    PageQuery as PageQuery,
    Position as Position,
    SIGNATURE_BYTES as SIGNATURE_BYTES,
    T as T,
)

warnings.warn("app.core.pagination is app.core.listing now", DeprecationWarning, stacklevel=2)
