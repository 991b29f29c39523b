"""The options that commands share, and what they mean."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bootstrap.console import Format

Project = Annotated[
    Path | None,
    typer.Option(
        "--project",
        metavar="DIR",
        help="The project; else the one that the current folder is in.",
        show_default=False,
    ),
]
Html = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="FILE",
        help="Also write it, with every diff, as a page for a browser.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: JSON on standard output.")]


def form(as_json: bool) -> "Format":
    return "json" if as_json else "text"


def root(project: Path | None) -> Path:
    from bootstrap.machine import pins

    return project or pins.locate(Path.cwd())
