"""The commands that bring a project to newer templates, and show where it differs."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from bootstrap.commands.options import AsJson, Html, Project, form
from bootstrap.commands.verifying import Wish, conclude, take_back
from bootstrap.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootstrap.project.repository import Repository
    from bootstrap.project.update import Project as Opened
    from bootstrap.project.update import Target
    from bootstrap.reports import Report
    from bootstrap.reports.page import Page

app = typer.Typer()
feature = typer.Typer(help="Add or remove a feature of the project here.", rich_markup_mode=None)
app.add_typer(feature, name="feature")

Verify = Annotated[
    bool | None,
    typer.Option(
        "--verify/--no-verify",
        help="Verify it with the project's tools, or only by its files; else it is asked.",
        show_default=False,
    ),
]
Preview = Annotated[bool, typer.Option("--preview", help="Only show it; touches nothing.")]


@app.command(short_help="Is there a newer template, and what would an update do?")
def status(project: Project = None, as_json: AsJson = False) -> None:
    """Show which template the project is of, what newer ones change, and how an update would end.

    Touches nothing. Exits with 2 when an update is available.
    """
    from bootstrap import console, reports
    from bootstrap.project import rollback, update

    opened = _opened(project)
    with update.prepare(opened, update.target(opened)) as prepared:
        kept = rollback.backups(opened.repository)
        proposed = prepared.update
        console.show_report(reports.of_status(proposed, kept, opened.repository), form(as_json))
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
  headstart update --verify              and verify it without a question; alone: verify now
  headstart update --rollback            take the last update back, when it was committed

An update is verified: each changed file is valid, one revision is the newest, the lock fits (else
`make lock` makes it anew, as a commit of its own); then, when you agree or with --verify, this
machine is applied to the new pins, and `make check` and `make test` run. Your database is not
migrated by that. A failure offers to take the update back; interrupted, the same command goes on.

\b
Exit codes:
  0    done, or nothing to do
  1    there are conflicts (with --preview: there would be), or the verification failed
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
    abort: Annotated[
        bool, typer.Option("--abort", help="Take back the update that is underway.")
    ] = False,
    verify: Verify = None,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Take back the last update that is done.")
    ] = False,
    html: Html = None,
    project: Project = None,
    as_json: AsJson = False,
) -> None:
    from bootstrap.project.update import target

    if sum(map(bool, (preview or diff, proceed, abort, rollback))) > 1:
        words = "--preview or --diff, --continue, --abort and --rollback exclude each other."
        raise UsageError(words)
    if html and (diff or proceed or abort or rollback):
        raise UsageError("--html shows an update: alone, or with --preview.")
    wish = Wish(verify, as_json)
    if proceed or abort or rollback:
        finish = _continue if proceed else _abort if abort else _roll_back
        finish(project, wish)
        return
    opened = _opened(project)
    if diff:
        _show_diff(opened, target(opened, to, data or []), diff, as_json=as_json)
        return
    said = [*(("--to", to) if to else ()), *(f"--data={each}" for each in data or [])]
    shown = _shown(("update", *said), html, wish)
    _bring(opened, target(opened, to, data or []), shown, preview=preview)


@feature.command(short_help="Add a feature.")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    preview: Preview = False,
    html: Html = None,
    verify: Verify = None,
    project: Project = None,
    as_json: AsJson = False,
) -> None:
    """Add a feature: an update to the same template with this answer. As safe, and as undone."""
    from bootstrap.project.update import with_feature

    opened = _opened(project)
    shown = _shown(("feature", "add", name), html, Wish(verify, as_json))
    _bring(opened, with_feature(opened, name), shown, preview=preview)


@feature.command(short_help="Remove a feature.")
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    preview: Preview = False,
    html: Html = None,
    verify: Verify = None,
    project: Project = None,
    as_json: AsJson = False,
) -> None:
    """Remove a feature. What you have changed in its files is a conflict, not lost."""
    from bootstrap.project.update import without_feature

    opened = _opened(project)
    shown = _shown(("feature", "remove", name), html, Wish(verify, as_json))
    _bring(opened, without_feature(opened, name), shown, preview=preview)


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
    shown = _shown(("drift",), html, Wish(None, as_json))
    today = datetime.now(UTC).date()
    with drift.measured(opened, update.target(opened), today) as (scratch, found):
        read = partial(diffs.side, scratch.git, found.before, found.now, "--diff-filter=a")
        shown.show(reports.of_drift(found), lambda: pages.of_drift(opened, found, read()))
    if fail and found.unaccepted:
        raise typer.Exit(ExitCode.DRIFT)


def _opened(project: Path | None) -> "Opened":
    from bootstrap.project import answers_file, update

    return update.open_project((project or answers_file.locate(Path.cwd())).resolve())


class _Shown(NamedTuple):
    """How a result is shown: what its command was, whether as a page too, and for whom.

    And how an update is verified.
    """

    command: str
    html: Path | None
    wish: Wish

    def show(self, report: "Report", page: "Callable[[], Page]") -> None:
        """Show the report; then write its page, whose failure hides nothing of what was done."""
        from bootstrap import console

        console.show_report(report, form(self.wish.as_json), page=self.html)
        if self.html:
            from bootstrap.reports import html

            html.write(page(), self.html)


def _shown(words: tuple[str, ...], html: Path | None, wish: Wish) -> _Shown:
    """How to show what a command does, once it is sure that a page can be written there."""
    import shlex

    if html:
        from bootstrap.reports.html import check_writable

        check_writable(html)
    return _Shown(shlex.join(("headstart", *words)), html, wish)


def _bring(opened: "Opened", to: "Target", shown: _Shown, *, preview: bool) -> None:
    """Show an update, or make it and verify it."""
    if not preview:
        _make(opened, to, shown)
        return
    from bootstrap import reports
    from bootstrap.project import update
    from bootstrap.reports import pages

    with update.prepare(opened, to) as prepared:
        proposed = prepared.update
        report = reports.of_preview(proposed, opened.repository, shown.command)
        page = partial(pages.of_preview, opened, proposed, command=shown.command)
        shown.show(report, lambda: page(diffs=prepared.diffs()))
    if proposed.proposal.conflicts:
        raise typer.Exit(ExitCode.FAILED)


def _make(opened: "Opened", to: "Target", shown: _Shown) -> None:
    """Make an update; verify it where it is due, or where that is asked for."""
    from bootstrap import reports
    from bootstrap.project import update, update_state
    from bootstrap.project.diffs import UNREAD
    from bootstrap.reports import pages

    repository = opened.repository
    with update.apply_update(opened, to) as applied:
        diffs = applied.prepared.diffs() if shown.html else UNREAD

    def show(report: "Report") -> None:
        shown.show(report, lambda: pages.of_update(opened, applied, diffs))

    report = reports.of_update(applied, repository)
    if applied.update.proposal.conflicts:
        show(report)
        raise typer.Exit(ExitCode.FAILED)
    if shown.wish.verify or update_state.pending_verification(repository):
        conclude(repository, applied.update.after, shown.wish, report, show)
    else:
        show(report)


def _show_diff(opened: "Opened", to: "Target", path: str, *, as_json: bool) -> None:
    from bootstrap import console, reports
    from bootstrap.project import update

    with update.prepare(opened, to) as prepared:
        report = reports.of_difference(path, prepared.diff(path))
    console.show_report(report, form(as_json))


def _continue(project: Path | None, wish: Wish) -> None:
    """Commit what a person has settled, and verify the update."""
    from bootstrap import console, reports
    from bootstrap.project import answers_file, apply
    from bootstrap.project.repository import locked

    repository = _repository(project)
    with locked(repository):
        report = reports.of_continued(apply.proceed(repository))
    show = partial(console.show_report, form=form(wish.as_json))
    conclude(repository, answers_file.load(repository).version, wish, report, show)


def _abort(project: Path | None, wish: Wish) -> None:
    """Take back the update that is underway."""
    from bootstrap import console, reports
    from bootstrap.project import rollback
    from bootstrap.project.repository import locked

    repository = _repository(project)
    with locked(repository):
        report = reports.of_aborted(rollback.abort(repository), repository.head())
    console.show_report(report, form(wish.as_json))


def _roll_back(project: Path | None, wish: Wish) -> None:
    """Take back the last update that is done."""
    take_back(_repository(project), as_json=wish.as_json)


def _repository(project: Path | None) -> "Repository":
    from bootstrap.project import answers_file
    from bootstrap.project.repository import open_repository

    return open_repository(project or answers_file.locate(Path.cwd()))
