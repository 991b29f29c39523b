"""The commands that create projects, and show what they are created from."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bootstrap.commands import ReportCommand
from bootstrap.commands.machine import run_up
from bootstrap.show.report import Report

if TYPE_CHECKING:
    from bootstrap.project.answers import Answers
    from bootstrap.project.template import Template

app = typer.Typer()

_NEW_HELP = """Create a new project at DEST.

Asks only for answers that are missing, then shows what was answered: go on, or go back to any of
it, and what depends on it is asked again. The project appears complete, with its first commit, or
not at all.

\b
Examples:
  headstart new shop                                     ask for what is missing
  headstart new shop --defaults                          ask nothing
  headstart new shop --preset enterprise                 take a preset's answers, ask nothing
  headstart new shop --preset custom                     ask about everything
  headstart new shop --defaults --data python_version=3.13.0
  headstart new other --data-file shop/.copier-answers.yml
  headstart new shop --version 0.1.0                     from an older template
  headstart new shop --preset gitops --preview           look at it first

\b
An answer is taken from the first of these that has it:
  --data, --preset, --data-file, the terminal, the default

\b
Exit codes:
  0    the project was created
  1    it could not be created
  4    refused: DEST is taken, or its folder is not writable
  64   an answer is invalid, or answers are missing and there is no terminal
  130  interrupted: nothing was created
"""


@app.command(cls=ReportCommand, help=_NEW_HELP, short_help="Create a new project.")
def new(
    dest: Annotated[Path, typer.Argument(metavar="DEST", help="Project folder: new, or empty.")],
    preset: Annotated[
        str | None, typer.Option(help="Preset to take the answers of (see `headstart presets`).")
    ] = None,
    data: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="An answer; repeatable.")
    ] = None,
    data_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="YAML file with answers.")
    ] = None,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Ask nothing; use the defaults.")
    ] = False,
    version: Annotated[
        str | None,
        typer.Option(metavar="TAG", help="Template version (see `headstart versions`)."),
    ] = None,
    up: Annotated[bool, typer.Option("--up", help="Then run `headstart up` in it.")] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show what it would be; write nothing.")
    ] = False,
) -> Iterator[Report]:
    from bootstrap.project import asking, questions, template, unasked
    from bootstrap.project.destination import acceptable

    path = acceptable(dest)
    source = template.find(version) if version else template.locate()
    asked = questions.load(source.config)
    resolve = asking.resolver(asked, path, os.environ)
    stated = asking.provided_answers(data=data or [], data_file=data_file, preset=preset)
    unasked.require_asked(stated, asked, source, "headstart", "new", str(dest), "--version")
    # Who names a preset has answered what it answers.
    settled = defaults or preset not in (None, asking.CUSTOM)
    if settled:
        asking.require_name(stated, path)
    answers = asking.resolve_answers(resolve, stated, defaults=settled)

    if preview:
        yield _preview(path, answers, source)
        return
    yield from _create(dest, path, answers, source, up=up)


def _create(
    dest: Path, path: Path, answers: "Answers", source: "Template", *, up: bool
) -> Iterator[Report]:
    from bootstrap.project.new import create
    from bootstrap.show import project as views

    created = create(path, answers, source)
    yield views.created(created, answers, source)
    lacking = _lock_lacks(created.path) if answers.values.get("shared_packages") else ""
    if up:
        if lacking:
            yield _locked(created.path)
        from bootstrap.machine.apply import Options

        # A new project is verified even if another one at its path was.
        yield run_up(created.path, Options(verify="always"))
    first = "headstart capture --relock && " if lacking else ""
    yield views.next_command(dest, "make dev" if up else f"{first}make up && make test")


def _preview(path: Path, answers: "Answers", source: "Template") -> Report:
    from bootstrap.machine.preview import preview
    from bootstrap.project.preview import created, lines
    from bootstrap.show import project as views

    with created(path.name, answers, source) as project:
        ahead = preview(project, path)
        return views.previewed(path, lines(project), ahead, answers, source)


def _lock_lacks(project: Path) -> str:
    """What an index alone knows, so that no render can lock it."""
    from bootstrap.machine import relock

    return relock.lacking(project)


def _locked(project: Path) -> Report:
    from bootstrap.errors import HeadstartError
    from bootstrap.machine import relock
    from bootstrap.show import machine as views

    try:
        return views.relocked(relock.again(project))
    except HeadstartError as failed:
        then = f"cd {project} && headstart capture --relock && headstart up"
        raise HeadstartError(failed.what, why=failed.why, next=(*failed.next[:-1], then)) from None


@app.command(cls=ReportCommand, short_help="List the presets, or show one.")
def presets(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Preset to show.", show_default=False)
    ] = None,
) -> Report:
    """List the presets a project can start from, and what each adds.

    With NAME: the answers that this one gives, and the files that a project has then.
    """
    from bootstrap.project import asking, questions, template
    from bootstrap.show import project as views

    source = template.locate()
    asked = questions.load(source.config)
    if name is None:
        return views.presets(asked.presets)
    from bootstrap.project.answers import resolve
    from bootstrap.project.preview import contents

    stated = asking.provided_answers(data=[], data_file=None, preset=name)
    answers = resolve(asked, stated, folder_name="shop").usable()
    adds = next(each.adds for each in asked.presets if each.name == name)
    return views.preset(adds, answers, contents(answers, source))


@app.command(cls=ReportCommand, short_help="List the template versions in this package.")
def versions() -> Report:
    """List the released template versions in this package, oldest first."""
    from bootstrap.project import releases
    from bootstrap.show import project as views

    return views.versions([each.version for each in releases.released()])
