"""The commands that bring a project to newer templates, and show where it differs."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from bootstrap.commands.options import AsJson, Html, Project, form
from bootstrap.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootstrap.project.update import Project as Opened
    from bootstrap.project.update import Target
    from bootstrap.reports import Report
    from bootstrap.reports.page import Page

app = typer.Typer()
feature = typer.Typer(help="Add or remove a feature of the project here.", rich_markup_mode=None)
app.add_typer(feature, name="feature")

Preview = Annotated[bool, typer.Option("--preview", help="Only show it; touches nothing.")]


@app.command(short_help="Is there a newer template, and what would an update do?")
def status(project: Project = None, as_json: AsJson = False) -> None:
    """Show which template the project is of, what newer ones change, and how an update would end.

    Touches nothing. Exits with 2 when an update is available.
    """
    from bootstrap import console, reports
    from bootstrap.project import apply, update

    opened = _opened(project)
    with update.prepared(opened, update.target(opened, None, []), ask=False) as (_, proposed):
        backups = apply.backups(opened.repository)
        console.show_report(reports.of_status(proposed, backups, opened.repository), form(as_json))
    if proposed.available:
        raise typer.Exit(ExitCode.UPDATE_AVAILABLE)


_UPDATE_HELP = """Bring in what a newer template changes; nothing of yours is lost.

An update is one commit: the template's changes, merged by git with yours, renames followed. What
you deleted stays deleted. What both changed is left for you to settle.

\b
Examples:
  headstart update --preview             each file: what would become of it, and why
  headstart update --diff Makefile       one of them
  headstart update --preview --html report.html
                                         all of them, for a browser
  headstart update                       do it, to the newest release in this package
  headstart update --to 0.2.0            or to that one
  headstart update --data database=mysql other answers
  headstart update --continue            when every conflict is settled and added
  headstart update --abort               everything as it was before

\b
Exit codes:
  0    done, or nothing to do
  1    there are conflicts (with --preview: there would be)
  4    refused, and nothing was touched
"""


@app.command(help=_UPDATE_HELP, short_help="Bring in what a newer template changes.")
def update(
    to: Annotated[
        str | None, typer.Option(metavar="TAG", help="The release; else the newest.")
    ] = None,
    data: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="An answer; can be repeated.")
    ] = None,
    preview: Preview = False,
    diff: Annotated[
        str | None, typer.Option(metavar="PATH", help="Show what it does to one file.")
    ] = None,
    proceed: Annotated[bool, typer.Option("--continue", help="Conflicts are settled.")] = False,
    abort: Annotated[bool, typer.Option("--abort", help="Take the update back.")] = False,
    html: Html = None,
    project: Project = None,
    as_json: AsJson = False,
) -> None:
    from bootstrap.project.update import target

    if sum(map(bool, (preview or diff, proceed, abort))) > 1:
        raise UsageError("--preview or --diff, --continue and --abort exclude each other.")
    if html and (diff or proceed or abort):
        raise UsageError("--html shows an update: alone, or with --preview.")
    opened = _opened(project) if not (proceed or abort) else None
    if opened is None:
        _finish(project, aborted=abort, as_json=as_json)
    elif diff:
        _show_diff(opened, target(opened, to, data or []), diff, as_json=as_json)
    else:
        said = [*(("--to", to) if to else ()), *(f"--data={each}" for each in data or [])]
        shown = _shown(("update", *said), html, as_json=as_json)
        _bring(opened, target(opened, to, data or []), shown, preview=preview)


@feature.command(short_help="Add a feature.")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    preview: Preview = False,
    html: Html = None,
    project: Project = None,
    as_json: AsJson = False,
) -> None:
    """Add a feature: an update to the same template with this answer. As safe, and as undone."""
    from bootstrap.project import features

    opened = _opened(project)
    shown = _shown(("feature", "add", name), html, as_json=as_json)
    _bring(opened, features.added(opened, name), shown, preview=preview)


@feature.command(short_help="Remove a feature.")
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    preview: Preview = False,
    html: Html = None,
    project: Project = None,
    as_json: AsJson = False,
) -> None:
    """Remove a feature. What you have changed in its files is a conflict, not lost."""
    from bootstrap.project import features

    opened = _opened(project)
    shown = _shown(("feature", "remove", name), html, as_json=as_json)
    _bring(opened, features.removed(opened, name), shown, preview=preview)


@app.command(short_help="Which files differ from the template, and since when?")
def drift(
    fail: Annotated[
        bool, typer.Option("--fail", help="Exit with 3 when one is not accepted.")
    ] = False,
    html: Html = None,
    project: Project = None,
    as_json: AsJson = False,
) -> None:
    """Show which files differ from what the template rendered: how, and since which commit.

    Reads the files as they are on disk; touches nothing. What is meant to differ is accepted in
    .headstart/drift.yml, for good or until a day:

    \b
    - path: Makefile
      reason: our own deploy target
      until: 2027-03-31
    """
    from datetime import UTC, datetime

    from bootstrap import reports
    from bootstrap.project import diffs, drift, update
    from bootstrap.reports import pages

    opened = _opened(project)
    shown = _shown(("drift",), html, as_json=as_json)
    today = datetime.now(UTC).date()
    with drift.measured(opened, update.target(opened, None, []), today) as (bench, found):
        read = partial(diffs.between, bench.git, found.before, found.now, "--diff-filter=a")
        shown.show(reports.of_drift(found), lambda: pages.of_drift(opened, found, read()))
    if fail and found.unaccepted:
        raise typer.Exit(ExitCode.DRIFT)


def _opened(project: Path | None) -> "Opened":
    from bootstrap.project import recorded, update

    return update.open_project((project or recorded.locate(Path.cwd())).resolve())


class _Shown(NamedTuple):
    """How a result is shown: what its command was, whether as a page too, and for whom."""

    command: str
    html: Path | None
    as_json: bool

    def show(self, report: "Report", page: "Callable[[], Page]") -> None:
        """Show the report; then write its page, whose failure hides nothing of what was done."""
        from bootstrap import console

        console.show_report(report, form(self.as_json), page=self.html)
        if self.html:
            from bootstrap.reports import html

            html.write(page(), self.html)


def _shown(words: tuple[str, ...], html: Path | None, *, as_json: bool) -> _Shown:
    """How to show what a command does, once it is sure that a page can be written there."""
    import shlex

    if html:
        from bootstrap.reports.html import check_writable

        check_writable(html)
    return _Shown(shlex.join(("headstart", *words)), html, as_json)


def _bring(opened: "Opened", to: "Target", shown: _Shown, *, preview: bool) -> None:
    """Show an update, or make it."""
    from bootstrap import reports
    from bootstrap.project import diffs, update
    from bootstrap.reports import pages

    if preview:
        with update.prepared(opened, to, ask=False) as (bench, proposed):
            report = reports.of_preview(proposed, opened.repository, shown.command)
            read = partial(diffs.of_update, bench.git, proposed.proposal)
            shown.show(report, lambda: pages.of_preview(opened, proposed, read, shown.command))
    else:
        brought = update.bring(opened, to)
        proposed, report = brought.update, reports.of_update(brought, opened.repository)
        read = partial(diffs.of_update, opened.repository.git, proposed.proposal)
        shown.show(report, lambda: pages.of_update(opened, brought, read))
    if proposed.proposal.conflicts:
        raise typer.Exit(ExitCode.FAILED)


def _show_diff(opened: "Opened", to: "Target", path: str, *, as_json: bool) -> None:
    from bootstrap import console, reports
    from bootstrap.project import update

    told = update.difference(opened, to, path)
    console.show_report(reports.of_difference(path, told), form(as_json))


def _finish(project: Path | None, *, aborted: bool, as_json: bool) -> None:
    """Go on with the update that is underway, or take it back."""
    from bootstrap import console, reports
    from bootstrap.project import apply, recorded, rollback
    from bootstrap.project.repository import locked, of_project

    repository = of_project(project or recorded.locate(Path.cwd()))
    with locked(repository):
        if aborted:
            report = reports.of_aborted(rollback.abort(repository), repository.head())
        else:
            report = reports.of_continued(apply.proceed(repository))
    console.show_report(report, form(as_json))
