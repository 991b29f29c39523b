"""The commands on many projects at once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bootstrap.commands.options import AsJson, form
from bootstrap.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootstrap.console import Format
    from bootstrap.project.fleet import ProjectStatus, Work

fleet = typer.Typer(help="Look after many projects at once.", rich_markup_mode=None)
app = typer.Typer()
app.add_typer(fleet, name="fleet")

Folders = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="DIR...",
        help="Projects, or folders to look for them in; else the current folder.",
        show_default=False,
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="So many at once; else one for each processor."),
]

_FOUND = """A DIR is a project, or a folder that is searched for those that Headstart has rendered;
not in hidden folders, virtual environments, node_modules, or a project's own tests. What counts is
the commit that is checked out; what is not committed does not matter."""

_STATUS_HELP = f"""Show how each of many projects stands, and how an update would end.

Touches nothing.

{_FOUND}

\b
Examples:
  headstart fleet status ~/code          every project below it
  headstart fleet status shop billing    these
  headstart fleet status ~/code --json   one document, for programs

\b
Exit codes, the first that fits:
  1    one could not be looked at; its row says why, and what to do
  2    an update is available for some
  0    all are up to date
"""


@fleet.command(help=_STATUS_HELP, short_help="How does each project stand?")
def status(folders: Folders = None, jobs: Jobs = None, as_json: AsJson = False) -> None:
    from bootstrap import console
    from bootstrap.project.fleet import FleetEnding, Work
    from bootstrap.reports import fleet as tables

    works = [Work(path) for path in _found(folders)]
    found = _worked(works, jobs, form(as_json))
    console.show_table(tables.of_status(found, Path.cwd(), _shown(folders)), form(as_json))
    endings = {each.ending for each in found}
    if FleetEnding.FAILED in endings:
        raise typer.Exit(ExitCode.FAILED)
    if endings != {FleetEnding.CURRENT}:
        raise typer.Exit(ExitCode.UPDATE_AVAILABLE)


_UPDATE_HELP = f"""Put each project's update on a new branch. No work tree is touched.

The branch has one commit, on top of what is checked out: the one that `headstart update` would
make. Where both have changed the same lines there is no branch: `headstart update` in that project
leads through its conflicts. A branch that is there already is never moved. Interrupted or failed,
the same command goes on: what is done is not done again. Nothing is verified before it is merged:
then `headstart update --verify` does it.

{_FOUND}

\b
Examples:
  headstart fleet update ~/code --preview       how each update would end
  headstart fleet update ~/code                 on branches headstart/update-<version>
  headstart fleet update ~/code --to 0.2.0 --branch chore/template

A project in a folder of its repository has that folder's name at the end of its branch.

\b
Exit codes:
  0    every project is up to date, or has its branch
  1    some have conflicts, or failed; their rows say why, and what to do
"""


@fleet.command(help=_UPDATE_HELP, short_help="Put each project's update on a branch.")
def update(
    folders: Folders = None,
    to: Annotated[
        str | None, typer.Option(metavar="TAG", help="The release; else the newest.")
    ] = None,
    branch: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The branch; else headstart/update-<version>."),
    ] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Only show it.")] = False,
    jobs: Jobs = None,
    as_json: AsJson = False,
) -> None:
    from bootstrap import console
    from bootstrap.project import branches, template
    from bootstrap.project.fleet import FleetEnding, Work
    from bootstrap.reports import fleet as tables

    newest = template.find(to) if to else template.newest()
    name = branch or branches.default_name(newest.version)
    branches.check_name(name)
    works = [Work(path, to, not preview, branch) for path in _found(folders)]
    found = _worked(works, jobs, form(as_json))
    if preview:
        report = tables.of_preview(found, Path.cwd(), _shown(folders))
    else:
        report = tables.of_update(found, Path.cwd(), name)
    console.show_table(report, form(as_json))
    if {FleetEnding.CONFLICTS, FleetEnding.FAILED} & {each.ending for each in found}:
        raise typer.Exit(ExitCode.FAILED)


def _found(folders: "Sequence[Path] | None") -> "tuple[Path, ...]":
    from bootstrap.project import discovery

    return discovery.find(folders or [Path()])


def _shown(folders: "Sequence[Path] | None") -> str:
    """The folders, as they are typed."""
    import shlex

    return "".join(f" {shlex.quote(str(folder))}" for folder in folders or ())


def _worked(works: "Sequence[Work]", jobs: int | None, form: "Format") -> "list[ProjectStatus]":
    """Do all of it, and tell meanwhile how far it has come; by path at the end."""
    from bootstrap import console
    from bootstrap.project import fleet, pool

    done = []
    with console.counting(len(works), form) as count:
        for standing in fleet.project_statuses(works, jobs or pool.cores()):
            done.append(standing)
            count(f"{standing.path.name}: {standing.ending}")
    return sorted(done, key=lambda each: each.path)
