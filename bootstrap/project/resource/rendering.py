"""The files of a resource, rendered from those in the folder `files`."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_FILES = Path(__file__).parent / "files"


def render(name: str, values: Mapping[str, Any]) -> str:
    """Render one file."""
    return _environment().get_template(f"{name}.jinja").render(values)


@cache
def _environment() -> Environment:
    # What is rendered is source code: escaping is for pages.
    environment = Environment(  # noqa: S701
        loader=FileSystemLoader(_FILES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["quoted"] = quoted
    return environment


def quoted(text: str) -> str:
    """Write a printable text as a literal of Python."""
    return json.dumps(text, ensure_ascii=False)
