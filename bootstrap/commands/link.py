"""The commands that know what a project comes from: link, and git's merge driver."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from bootstrap.commands import NoHooks, NoSign, ProjectOption, ReportCommand
from bootstrap.show.report import Report

app = typer.Typer()

_LINK_HELP = """Record which template, and which answers, the project's files come from.

Finds both by the files alone: for a project whose .copier-answers.yml is gone, was edited or went
through a merge, whose history was squashed, which plain Copier made, or which began as a copy of
another project. Shows what it found and asks; records it in a commit of its own, which changes
nothing but that file.

\b
Examples:
  headstart link                         find it, show it, ask
  headstart link --yes                   and record it without asking
  headstart link --version 0.3.0         the template is known; find the answers
  headstart link --data database=mysql   an answer that is known

\b
Exit codes:
  0    recorded, or shown
  4    refused: the files come from no known template, or changes are in the way
"""


@app.command(cls=ReportCommand, help=_LINK_HELP, short_help="Record where the files come from.")
def link(
    version: Annotated[
        str | None, typer.Option(metavar="TAG", help="Template version, if it is known.")
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="An answer that is known; repeatable."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Record it without asking.")] = False,
    no_sign: NoSign = False,
    no_hooks: NoHooks = False,
    project: ProjectOption = None,
) -> Iterator[Report]:
    from bootstrap.paths import real_path
    from bootstrap.project import link as links
    from bootstrap.project.commits import CommitOptions
    from bootstrap.project.repository import open_repository
    from bootstrap.show import link as views
    from bootstrap.show.progress import can_confirm, confirm

    folder = real_path(project or links.locate(Path.cwd()))
    repository = open_repository(folder)
    how = CommitOptions(sign=not no_sign, hooks=not no_hooks)
    found = links.find(repository, folder.name, version, data or [])
    if found.agrees:
        yield views.found(found)
    elif yes:
        yield views.shown_and_recorded(found, links.record(repository, found, how).id)
    elif not can_confirm():
        yield views.found(found)
    else:
        yield views.question(found)
        if confirm("Record it?", default=True):
            yield views.recorded(found, links.record(repository, found, how).id)


@app.command(hidden=True)
def merge_driver(
    base: Path, ours: Path, theirs: Path, marker_size: int, path: str
) -> Iterator[Report]:
    """Merge one file, as git asks its merge drivers to (see `git help attributes`)."""
    from bootstrap.errors import ExitCode
    from bootstrap.project.merge_driver import MergedFile, merge

    whole = merge(MergedFile(base, ours, theirs, marker_size, path))
    yield Report(exit_code=ExitCode.DONE if whole else ExitCode.FAILED)
