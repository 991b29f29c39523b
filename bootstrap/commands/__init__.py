"""What the commands share: each parses its options, calls, and returns reports to be shown.

Modules of commands do without `from __future__ import annotations`: typer would evaluate each
string twice. Heavy libraries (copier, questionary, virtualenv, rich) are imported in the commands
that need them, so that `headstart --help` costs little more than typer itself.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperOption

ProjectOption = Annotated[
    Path | None,
    typer.Option(
        "--project",
        metavar="DIR",
        help="Project folder (default: the project that the current folder is in).",
        show_default=False,
    ),
]
HtmlOption = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="FILE",
        help="Also write the report, with every diff, as a page for a browser.",
        show_default=False,
    ),
]
NoSign = Annotated[
    bool, typer.Option("--no-sign", help="Do not sign the commits, though git is told to.")
]
NoHooks = Annotated[bool, typer.Option("--no-hooks", help="Run no hooks of git for the commit.")]
ToOption = Annotated[
    str | None, typer.Option(metavar="TAG", help="Release to update to (default: newest).")
]


class ReportCommand(TyperCommand):
    """A command whose reports can be shown as JSON: `output` reads `--json`, not the command."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - typer's own
        super().__init__(*args, **options)
        words = "Print JSON to standard output, for programs."
        json = TyperOption(param_decls=["--json"], is_flag=True, expose_value=False, help=words)
        self.params.append(json)


def root(project: Path | None) -> Path:
    """The folder of the project whose pins are meant."""
    from bootstrap.machine import pins

    return project or pins.locate(Path.cwd())
