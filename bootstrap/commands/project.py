"""The commands that make projects, and know what they are made from."""

import os
from pathlib import Path
from typing import Annotated

import typer

from bootstrap.commands.machine import bring_up
from bootstrap.commands.options import AsJson, form

app = typer.Typer()

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
  headstart new shop --version 0.1.0                     from an older template

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
    version: Annotated[
        str | None,
        typer.Option(metavar="TAG", help="A released template; `headstart versions` lists them."),
    ] = None,
    up: Annotated[bool, typer.Option("--up", help="Then bring this machine up for it.")] = False,
    as_json: AsJson = False,
) -> None:
    from bootstrap import console
    from bootstrap.project import asking, questions, template
    from bootstrap.project.destination import acceptable

    path = acceptable(dest)
    source = template.find(version) if version else template.locate()
    resolve = asking.resolver(questions.load(source.config), path, os.environ)
    stated = asking.provided_answers(data=data or [], data_file=data_file, preset=preset)
    answers = asking.resolve_answers(resolve, stated, defaults=defaults)

    from bootstrap.project.new import create

    created = create(path, answers, source)
    console.show_created(created, answers, source, form(as_json))
    if up:
        from bootstrap.machine.apply import Options

        # A new project is proven whatever was proven at its place before.
        bring_up(created.path, form(as_json), Options(verify="always"))
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
    from bootstrap.project import releases

    console.show_versions([each.version for each in releases.released()], form(as_json))
