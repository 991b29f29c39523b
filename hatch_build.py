"""What the package index shows of Headstart: the README as it reads there, and addresses.

The build backend runs it, from a checkout and from a source distribution, in an environment that
may have nothing but itself.
"""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_IMAGE = re.compile(r"!\[([^\]]*)\]\((?!https?:)([^)]+)\)")
_LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|#)([^)]+)\)")


class PublishedMetadata(MetadataHookInterface):
    """Fills in what follows from bootstrap/publisher.py."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set `urls` and `readme`."""
        root = Path(self.root)
        publisher = runpy.run_path(str(root / "bootstrap/publisher.py"))
        version = runpy.run_path(str(root / "bootstrap/__init__.py"))["__version__"]
        address = publisher["ADDRESS"]
        page = publisher["page"](address, version) if address else ""
        text = (root / "README.md").read_text(encoding="utf-8")
        metadata["urls"] = publisher["urls"](address, version)
        metadata["readme"] = {"content-type": "text/markdown", "text": elsewhere(text, page)}


def elsewhere(text: str, page: str) -> str:
    """A README away from its repository: its links lead below `page`; without one, nowhere."""
    if page:
        text = _IMAGE.sub(rf"![\1]({page}/\2?raw=true)", text)
        return _LINK.sub(rf"[\1]({page}/\2)", text)
    return _LINK.sub(r"\1", _IMAGE.sub("", text))
