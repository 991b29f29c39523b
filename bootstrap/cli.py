"""The command line: one place parses, runs the command, shows what it returns, and exits.

A command costs the imports of its own part, and none of the others'.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from itertools import takewhile
from typing import Annotated

import typer
import typer.core

from bootstrap import __version__, language
from bootstrap.errors import ExitCode, HeadstartError, UsageError
from bootstrap.language import Said
from bootstrap.show import output

EPILOG = """\b
Every day:
  headstart new shop      create a new project
  headstart plan          show what this machine lacks for the project here
  headstart up            set it up; interrupted or failed, the same command continues
  headstart add resource  add a module to it: table, endpoints, revision, tests
  headstart doctor        check thoroughly: is everything really as pinned?
  headstart status        is there a newer template, and what would an update do?
  headstart update        update to it; your changes are never lost
  headstart fleet status  the same question, for every project below here

\b
Every command that reports takes --json. Exit codes: 0 done, 1 failed, conflicts or findings,
2 update available, 3 drift, 4 refused because it would be unsafe, 5 unknown (of check and of
explain), 64 usage error or invalid pins, 130 interrupted.
"""

# The modules of `bootstrap.commands`, in the order of --help, and what each has.
PARTS = {
    "project": ("new", "presets", "versions"),
    "add": ("add",),
    "update": ("status", "update", "drift", "feature"),
    "link": ("link", "merge-driver"),
    "fleet": ("fleet",),
    "machine": (
        *("up", "plan", "doctor", "vendor", "capture", "check"),
        *("journal", "undo", "schema", "explain"),
    ),
}
# zsh reads the file of a command at its first tab. So it completes then, and not at the next one.
_AT_THE_FIRST_TAB = """
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then %(complete_func)s "$@"; fi
"""


def headstart(
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,  # noqa: ARG001 - main reads it, wherever it stands
) -> None:
    if version:
        typer.echo(f"headstart {__version__}")
        raise typer.Exit


def command_line(arguments: Sequence[str]) -> typer.Typer:
    """Only the part that has the command; all of them where none is named, or an unknown one."""
    named = next((each for each in arguments if not each.startswith("-")), "")
    app = typer.Typer(
        name="headstart",
        help="A head start for a Python backend, and for the person who works on it.",
        epilog=EPILOG,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(headstart)
    for part in [part for part, commands in PARTS.items() if named in commands] or PARTS:
        app.add_typer(import_module(f"bootstrap.commands.{part}").app)
    if {"--install-completion", "--show-completion"} & {*arguments}:
        _complete_at_the_first_tab()
    if not language.is_english():
        from bootstrap.show.translated_help import TranslatedHelp

        typer.core.TyperCommand.context_class.formatter_class = TranslatedHelp
    return app


def _complete_at_the_first_tab() -> None:
    scripts = import_module("typer._completion_shared")._completion_scripts  # noqa: SLF001 - pinned
    scripts["zsh"] += _AT_THE_FIRST_TAB


# -- the entry point -------------------------------------------------------------------------------


def main() -> None:
    """Run the command line (the `headstart` console script)."""
    options = tuple(takewhile(lambda argument: argument != "--", sys.argv[1:]))
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    output.begin("json" if "--json" in options else "text")
    try:
        code = _presented(arguments or ["--help"], debug="--debug" in options)
    except BrokenPipeError:
        code = ExitCode.FAILED
    output.end()
    sys.exit(code)


def _presented(arguments: list[str], *, debug: bool) -> int:
    """The exit code of a command, once everything that it has to say was shown."""
    try:
        language.language_of(os.environ)
        result = command_line(arguments)(
            args=arguments, prog_name="headstart", standalone_mode=False
        )
        if result is not None and not isinstance(result, int):
            return output.present(result)
    except KeyboardInterrupt:
        result = ExitCode.INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:
        if debug:
            raise
        return output.present_error(_for_people(error))
    if result == ExitCode.INTERRUPTED:  # typer makes this number of Ctrl-C
        output.present_interruption()
    return result or ExitCode.DONE  # typer has shown help, or the version


def _for_people(error: Exception) -> HeadstartError:
    """Any error in the form that people can act on."""
    if isinstance(error, HeadstartError):
        return error
    if isinstance(error, typer.TyperException):
        return UsageError(error.format_message(), next=("headstart --help",))
    if isinstance(error, OSError):
        from bootstrap.system import of_system

        return of_system(error)
    return HeadstartError(
        Said("Headstart itself failed; this is a bug, not your mistake."),
        why=(f"{type(error).__name__}: {error}",),
        next=(Said("run the command again with --debug, and report what it shows"),),
    )
