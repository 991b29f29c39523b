"""The command line: each command parses, calls and presents. No logic lives here.

Heavy libraries (copier, questionary, virtualenv, rich) are imported inside the commands that need
them, so that `headstart --help` costs little more than typer itself. For the same reason modules of
commands do without `from __future__ import annotations`: typer would evaluate each string twice.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bootstrap import __version__
from bootstrap.commands import machine
from bootstrap.commands.machine import bring_up
from bootstrap.commands.options import AsJson, form
from bootstrap.errors import ExitCode, HeadstartError, UsageError

if TYPE_CHECKING:
    from bootstrap.console import Format

EPILOG = """\b
Every day:
  headstart new shop      make a new project
  headstart plan          see what this machine lacks for the project here
  headstart up            bring it up; interrupted or failed, the same command continues
  headstart doctor        look closely: is everything really as pinned?

\b
Every command that reports takes --json. Exit codes: 0 done, 1 failed or findings,
4 refused because it would be unsafe, 64 wrong usage or pins, 130 interrupted.
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


# -- projects ------------------------------------------------------------------------------------

_NEW_HELP = """Make a new project at DEST.

Asks only what is left open; every answer can be given beforehand. The project appears complete,
with its first commit, or not at all.

\b
Examples:
  headstart new shop                                     ask what is open
  headstart new shop --defaults                          ask nothing
  headstart new shop --preset custom                     start from a preset, ask the rest
  headstart new shop --defaults --data python_version=3.13.0
  headstart new other --data-file shop/.copier-answers.yml

\b
An answer is taken from the first of these that has it:
  --data, --preset, --data-file, the terminal, the default

\b
Exit codes:
  0    the project is made
  1    it could not be made
  4    refused: DEST is taken, or its folder cannot be written to
  64   an answer cannot be used, or questions are open and there is no terminal
  130  interrupted: nothing was made
"""


@app.command(help=_NEW_HELP, short_help="Make a new project.")
def new(
    dest: Annotated[
        Path, typer.Argument(metavar="DEST", help="The project's folder: new, or empty.")
    ],
    preset: Annotated[
        str | None, typer.Option(help="What to start from; `headstart presets` lists them.")
    ] = None,
    data: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="An answer; can be repeated.")
    ] = None,
    data_file: Annotated[Path | None, typer.Option(metavar="FILE", help="Answers in YAML.")] = None,
    defaults: Annotated[bool, typer.Option("--defaults", help="Ask nothing.")] = False,
    up: Annotated[bool, typer.Option("--up", help="Then bring this machine up for it.")] = False,
    as_json: AsJson = False,
) -> None:
    from bootstrap import console
    from bootstrap.project import given, questions, template
    from bootstrap.project.destination import acceptable
    from bootstrap.project.new import resolver, settle

    path = acceptable(dest)
    source = template.locate()
    resolve = resolver(questions.load(source.config), path, os.environ)
    stated = given.collect(data=data or [], data_file=data_file, preset=preset)
    answers = settle(resolve, stated, defaults=defaults)

    from bootstrap.project.create import create

    created = create(path, answers, source)
    console.show_created(created, answers, source, form(as_json))
    if up:
        from bootstrap.machine.apply import Options

        # A new project is proven whatever was proven at its place before.
        bring_up(created.path, form(as_json), Options(proof="always"))
    console.show_next(dest, "make dev" if up else "make up && make test", form(as_json))


@app.command(short_help="List the presets a project can start from.")
def presets(as_json: AsJson = False) -> None:
    """List the presets a project can start from, and what each adds."""
    from bootstrap import console
    from bootstrap.project import questions, template

    console.show_presets(questions.load(template.locate().config).presets, form(as_json))


@app.command(short_help="List the template versions in this package.")
def versions(as_json: AsJson = False) -> None:
    """List the released template versions in this package, oldest first."""
    from bootstrap import console

    console.show_versions((__version__,), form(as_json))


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
