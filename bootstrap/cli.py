"""The command line: each command parses, calls and presents. No logic lives here.

Heavy libraries (copier, questionary, virtualenv, rich) are imported inside the commands that need them,
so that `headstart --help` costs little more than typer itself.
"""

from __future__ import annotations

import typer

app = typer.Typer(name="headstart", no_args_is_help=True, rich_markup_mode=None)


def main() -> None:
    """Run the command line (the `headstart` console script)."""
    app()
