"""The command line: each command parses, calls and presents. No logic lives here.

Heavy libraries (copier, questionary, virtualenv, rich) are imported inside the commands that need
them, so that `headstart --help` costs little more than typer itself.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bootstrap.errors import HeadstartError

if TYPE_CHECKING:
    from bootstrap.project.answers import Answers
    from bootstrap.project.create import Created
    from bootstrap.project.template import Template

app = typer.Typer(name="headstart", no_args_is_help=True, rich_markup_mode=None)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document for programs.")]

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
    as_json: AsJson = False,
) -> None:
    from bootstrap.project import given, questions, template
    from bootstrap.project.destination import acceptable
    from bootstrap.project.new import resolver, settle

    path = acceptable(dest)
    source = template.locate()
    resolve = resolver(questions.load(source.config), path, os.environ)
    stated = given.collect(data=data or [], data_file=data_file, preset=preset)
    answers = settle(resolve, stated, defaults=defaults)

    from bootstrap.project.create import create

    if not source.released:
        typer.echo(f"Note: the template {source.version} is unreleased.", err=True)
    created = create(path, answers, source)
    if as_json:
        _print_json(_created_document(created, answers, source))
    else:
        _print_created(dest, created, answers, source)


@app.command()
def presets(as_json: AsJson = False) -> None:
    """List the presets a project can start from, and what each adds."""
    from bootstrap.project import questions, template

    found = questions.load(template.locate().config).presets
    if as_json:
        _print_json({"presets": [{"name": preset.name, "adds": preset.adds} for preset in found]})
        return
    width = max(len(preset.name) for preset in found)
    for preset in found:
        typer.echo(f"{preset.name:{width}}  {preset.adds}")


@app.command()
def versions(as_json: AsJson = False) -> None:
    """List the released template versions in this package, oldest first."""
    from bootstrap import __version__

    if as_json:
        _print_json({"versions": [__version__]})
        return
    typer.echo(__version__)


def _created_document(created: Created, answers: Answers, source: Template) -> dict[str, object]:
    return {
        "project": answers.values["project_name"],
        "path": str(created.path),
        "template": {"version": source.version, "released": source.released},
        "answers": {answer.question.name: answer.value for answer in answers.shown},
        "sources": {answer.question.name: answer.source for answer in answers.shown},
        "files": created.files,
        "git": asdict(created.history),
    }


def _print_created(dest: Path, created: Created, answers: Answers, source: Template) -> None:
    from bootstrap.project.values import show

    typer.echo(f"Made {created.path}: {created.files} files from template {source.version}.")
    if created.history.commit:
        typer.echo(f"First commit {created.history.commit} on {created.history.branch}.")
    for note in created.history.notes:
        typer.echo(f"Note: {note}.")
    rows = [(answer.question.name, show(answer.value), answer.source) for answer in answers.shown]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    typer.echo("\nAnswers:")
    for name, value, origin in rows:
        typer.echo(f"  {name:{widths[0]}}  {value:{widths[1]}}  ({origin})")
    enter = "" if dest == Path() else f"cd {shlex.quote(str(dest))} && "
    typer.echo(f"\nNext:\n  {enter}make up && make test")


def _print_json(document: dict[str, object]) -> None:
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


# -- the entry point -----------------------------------------------------------------------------


def main() -> None:
    """Run the command line (the `headstart` console script)."""
    try:
        app()
    except HeadstartError as error:
        _print_error(error)
        sys.exit(error.exit_code)


def _print_error(error: HeadstartError) -> None:
    reasons = (f"  {reason}" for reason in error.why)
    steps = (f"-> {step}" for step in error.next)
    typer.echo("\n".join((error.what, *reasons, *steps)), err=True)
