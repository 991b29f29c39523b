"""The commands on many projects at once."""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bootstrap.commands import NoSign, ReportCommand, ToOption
from bootstrap.errors import UsageError
from bootstrap.language import Said
from bootstrap.show.report import Report

if TYPE_CHECKING:
    from bootstrap.project.fleet import ProjectStatus, Work

fleet = typer.Typer(help="Work with many projects at once.", rich_markup_mode=None)
app = typer.Typer()
app.add_typer(fleet, name="fleet")

Folders = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="DIR...",
        help="Projects, or folders to search for them (default: current folder).",
        show_default=False,
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Number of parallel workers (default: one per CPU)."),
]

_FOUND = """A DIR is a project, or a folder that is searched for projects that Headstart has
rendered; hidden folders, virtual environments, node_modules and a project's own tests are skipped.
Only what is checked out counts; uncommitted changes are ignored."""

_STATUS_HELP = f"""Show the state of each of many projects, and how an update would end.

Changes nothing.

{_FOUND}

\b
Examples:
  headstart fleet status ~/code          every project below it
  headstart fleet status shop billing    these
  headstart fleet status ~/code --json   one document, for programs

\b
Exit codes, the first that applies:
  1    a project could not be examined; its row says why, and what to do
  2    an update is available for some
  0    all are up to date
"""


@fleet.command(cls=ReportCommand, help=_STATUS_HELP, short_help="Show the state of each project.")
def status(folders: Folders = None, jobs: Jobs = None) -> Report:
    from bootstrap.project.fleet import Work
    from bootstrap.show import fleet as views

    found = _run([Work(path) for path in _found(folders)], jobs)
    return views.status(found, Path.cwd(), _typed(folders))


_UPDATE_HELP = f"""Put each project's update on a new branch. No work tree is touched.

The branch has one commit on top of what is checked out: the one that `headstart update` would make.
Where both sides changed the same lines no branch is made: run `headstart update` in that project to
resolve its conflicts. An existing branch is never moved. Interrupted or failed, the same command
continues; finished projects are not done again. Updates are not verified here: after merging a
branch, run `headstart update --verify`. The commits are signed as git is configured; its hooks for
commits do not run, for there is no work tree (pre-push does). A push is never forced, and a branch
with an open request gets no second one.

{_FOUND}

\b
Examples:
  headstart fleet update ~/code --preview       how each update would end
  headstart fleet update ~/code                 on branches headstart/update-<version>
  headstart fleet update ~/code --to 0.2.0 --branch chore/template
  headstart fleet update ~/code --push          and push them to each project's remote
  headstart fleet update ~/code --pr            and open a pull request for each, with gh or glab

A project in a folder of its repository has that folder's name at the end of its branch.

\b
Exit codes:
  0    every project is up to date, or has its branch
  1    some have conflicts, or failed; their rows say why, and what to do
"""


@fleet.command(cls=ReportCommand, help=_UPDATE_HELP, short_help="Put the updates on branches.")
def update(
    folders: Folders = None,
    to: ToOption = None,
    branch: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Branch name (default: headstart/update-<version>)."),
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show what would change; change nothing.")
    ] = False,
    push: Annotated[bool, typer.Option("--push", help="Push each branch to its remote.")] = False,
    pr: Annotated[
        bool, typer.Option("--pr", help="Also open pull requests, with gh or glab.")
    ] = False,
    no_sign: NoSign = False,
    jobs: Jobs = None,
) -> Report:
    from bootstrap.project import branches, template
    from bootstrap.project.fleet import Work
    from bootstrap.show import fleet as views

    newest = template.find(to) if to else template.newest()
    name = branch or branches.default_name(newest.version)
    branches.check_name(name)
    if preview and (push or pr):
        raise UsageError(Said("--preview changes nothing: it excludes --push and --pr."))
    work = Work(Path(), to, not preview, branch, not no_sign, push or pr, pr)
    found = _run([replace(work, path=path) for path in _found(folders)], jobs)
    if preview:
        return views.preview(found, Path.cwd(), _typed(folders))
    return views.updated(found, Path.cwd(), name)


def _found(folders: Sequence[Path] | None) -> tuple[Path, ...]:
    from bootstrap.project.fleet import find_projects

    return find_projects(folders or [Path()])


def _typed(folders: Sequence[Path] | None) -> str:
    """The folders, as they are typed."""
    return "".join(f" {shlex.quote(str(folder))}" for folder in folders or ())


def _run(works: "Sequence[Work]", jobs: int | None) -> "list[ProjectStatus]":
    """Do all the work, and show meanwhile how much of it is done; sorted by path."""
    from bootstrap.project import fleet, pool
    from bootstrap.show.progress import counting

    done = []
    with counting(len(works)) as count:
        for each in fleet.project_statuses(works, jobs or pool.cores()):
            done.append(each)
            count(f"{each.path.name}: {each.ending}")
    return sorted(done, key=lambda each: each.path)
