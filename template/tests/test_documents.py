"""The documentation is whole."""

from __future__ import annotations

from app.settings import ROOT

DOCS = ROOT / "docs"


def test_every_page_is_on_the_way_through_the_documentation() -> None:
    index = (DOCS / "README.md").read_text("utf-8")
    pages = (page.name for page in DOCS.glob("*.md") if page.name != "README.md")
    forgotten = [page for page in pages if f"]({page})" not in index]
    assert not forgotten, f"docs/README.md does not name {', '.join(forgotten)}"
