"""The command line: each command parses, calls and presents. No logic lives here.

Heavy libraries (copier, questionary, virtualenv, rich) are imported inside the commands that need
them, so that `headstart --help` costs little more than typer itself.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bootstrap import __version__
from bootstrap.errors import ExitCode, HeadstartError, UsageError

if TYPE_CHECKING:
    from bootstrap.console import Format
    from bootstrap.machine.apply import Options

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

Project = Annotated[
    Path | None,
    typer.Option(
        "--project",
        metavar="DIR",
        help="The project; else the one that the current folder is in.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: JSON on standard output.")]


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
    console.show_created(created, answers, source, _form(as_json))
    if up:
        from bootstrap.machine.apply import Options

        # A new project is proven whatever was proven at its place before.
        _bring_up(created.path, _form(as_json), Options(proof="always"))
    console.show_next(dest, "make dev" if up else "make up && make test", _form(as_json))


@app.command(short_help="List the presets a project can start from.")
def presets(as_json: AsJson = False) -> None:
    """List the presets a project can start from, and what each adds."""
    from bootstrap import console
    from bootstrap.project import questions, template

    console.show_presets(questions.load(template.locate().config).presets, _form(as_json))


@app.command(short_help="List the template versions in this package.")
def versions(as_json: AsJson = False) -> None:
    """List the released template versions in this package, oldest first."""
    from bootstrap import console

    console.show_versions((__version__,), _form(as_json))


# -- the machine -----------------------------------------------------------------------------------


@app.command(short_help="Bring this machine up to the project's pins.")
def up(
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="STEP", help="Take this one step.", show_default=False),
    ] = None,
    prove: Annotated[
        bool, typer.Option("--prove", help="Run the proof even if it passed.")
    ] = False,
    project: Project = None,
    as_json: AsJson = False,
) -> None:
    """Bring this machine up to the pins of the project.

    Takes only the steps that are still needed: Python, virtual environment, pip, packages,
    settings, migrations, proof. Safe to repeat; after Ctrl-C, a crash or a failure the same
    command continues. An environment that is replaced is kept until its successor works.

    \b
    headstart up                      everything
    headstart up --only packages      one step, when those before it are done
    headstart up --prove              and run the proof again
    """
    from bootstrap.machine.apply import Options

    options = Options(only=only, proof="always" if prove else "when-changed")
    _bring_up(_root(project), _form(as_json), options)


@app.command(short_help="Show what `up` would do, and why.")
def plan(project: Project = None, as_json: AsJson = False) -> None:
    """Show what `up` would do, why, and how long it usually takes.

    Touches nothing. The commands are shown as they would be run.
    """
    from bootstrap import console
    from bootstrap.machine.apply import look_ahead

    console.show_plan(*look_ahead(_root(project)), _form(as_json))


@app.command(short_help="Check closely that everything is as pinned.")
def doctor(project: Project = None, as_json: AsJson = False) -> None:
    """Check closely that everything is as pinned; each finding names its repair.

    Runs the interpreter, pip and `pip check` instead of trusting files. Touches nothing.
    Exits with 1 when there is a finding.
    """
    from bootstrap import console
    from bootstrap.machine.apply import examine

    pins, findings = examine(_root(project))
    console.show_findings(pins, findings, _form(as_json))
    if findings:
        raise typer.Exit(ExitCode.FAILED)


# -- the entry point -------------------------------------------------------------------------------


def main() -> None:
    """Run the command line (the `headstart` console script)."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        code = app(args=arguments or ["--help"], prog_name="headstart", standalone_mode=False)
    except Exception as error:
        if "--debug" in sys.argv[1:]:
            raise
        code = _report(error, _form("--json" in arguments))
    if code == ExitCode.INTERRUPTED:
        from bootstrap import console

        console.show_interruption(_form("--json" in arguments))
    sys.exit(code)


def _report(error: Exception, form: Format) -> int:
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


def _form(as_json: bool) -> Format:
    return "json" if as_json else "text"


def _bring_up(project: Path, form: Format, options: Options) -> None:
    from bootstrap import console
    from bootstrap.machine.apply import bring_up

    outcome = bring_up(project, console.observer(form), options)
    console.show_outcome(outcome, form)


def _root(project: Path | None) -> Path:
    from bootstrap.machine import pins

    return project or pins.locate(Path.cwd())
