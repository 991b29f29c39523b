"""The command line: each command parses, calls and presents. No logic lives here.

Heavy libraries (copier, questionary, virtualenv, rich) are imported inside the commands that need
them, so that `headstart --help` costs little more than typer itself. For the same reason modules of
commands do without `from __future__ import annotations`: typer would evaluate each string twice.
"""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from bootstrap import __version__
from bootstrap.commands import fleet, machine, project, update
from bootstrap.commands.options import form
from bootstrap.errors import ExitCode, HeadstartError, UsageError

if TYPE_CHECKING:
    from bootstrap.console import Format

EPILOG = """\b
Every day:
  headstart new shop      make a new project
  headstart plan          see what this machine lacks for the project here
  headstart up            bring it up; interrupted or failed, the same command continues
  headstart doctor        look closely: is everything really as pinned?
  headstart status        is there a newer template, and what would an update do?
  headstart update        bring it in; nothing of yours is lost
  headstart fleet status  the same question, of every project below here

\b
Every command that reports takes --json. Exit codes: 0 done, 1 failed, conflicts or findings,
2 update available, 3 drift, 4 refused because it would be unsafe, 64 wrong usage or pins,
130 interrupted.
"""

app = typer.Typer(
    name="headstart",
    help="A head start for a Python backend, and for the person who works on it.",
    epilog=EPILOG,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def headstart(
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,  # noqa: ARG001 - read by main, wherever it stands
) -> None:
    if version:
        typer.echo(f"headstart {__version__}")
        raise typer.Exit


app.add_typer(project.app)
app.add_typer(update.app)
app.add_typer(fleet.app)
app.add_typer(machine.app)


# -- the entry point -------------------------------------------------------------------------------


def main() -> None:
    """Run the command line (the `headstart` console script)."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        code = app(args=arguments or ["--help"], prog_name="headstart", standalone_mode=False)
    except Exception as error:
        if "--debug" in sys.argv[1:]:
            raise
        code = _report(error, form("--json" in arguments))
    if code == ExitCode.INTERRUPTED:
        from bootstrap import console

        console.show_interruption(form("--json" in arguments))
    sys.exit(code)


def _report(error: Exception, form: "Format") -> int:
    from bootstrap import console

    told = _told(error)
    console.show_error(told, form)
    return told.exit_code


def _told(error: Exception) -> HeadstartError:
    """Any error in the shape that people can act on."""
    if isinstance(error, HeadstartError):
        return error
    if isinstance(error, typer.TyperException):
        return UsageError(error.format_message(), next=("headstart --help",))
    return HeadstartError(
        "Headstart itself failed; this is its mistake, not yours.",
        why=(f"{type(error).__name__}: {error}",),
        next=("run the command again with --debug, and report what it shows",),
    )
