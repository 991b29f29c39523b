"""The commands that update a project to newer templates, and show where it differs from its own."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bootstrap.commands import HtmlOption, NoHooks, NoSign, ProjectOption, ReportCommand, ToOption
from bootstrap.commands.verify import VerifyMode, finish_update, rollback
from bootstrap.errors import UsageError
from bootstrap.language import Said
from bootstrap.show.report import Report

if TYPE_CHECKING:
    from bootstrap.project.commits import CommitOptions
    from bootstrap.project.repository import Repository
    from bootstrap.project.tables import TableRules
    from bootstrap.project.update import Project, Target

app = typer.Typer()
feature = typer.Typer(help="Add or remove a feature of the project here.", rich_markup_mode=None)
app.add_typer(feature, name="feature")

Verify = Annotated[
    bool | None,
    typer.Option(
        "--verify/--no-verify",
        help="Verify with the project's tools, or only check its files (default: ask).",
        show_default=False,
    ),
]
TrustRecord = Annotated[
    bool,
    typer.Option(
        "--trust-record",
        help="Begin from the recorded version though the files are nearer to another.",
    ),
]
DropTables = Annotated[
    bool,
    typer.Option(
        "--drop-tables", help="Where revisions go, add one that drops their tables everywhere."
    ),
]
Data = Annotated[
    list[str] | None, typer.Option(metavar="NAME=VALUE", help="An answer; repeatable.")
]
DiffPath = Annotated[
    str | None, typer.Option(metavar="PATH", help="Show what would change in one file.")
]
Continue = Annotated[bool, typer.Option("--continue", help="Continue after resolving conflicts.")]
Abort = Annotated[bool, typer.Option("--abort", help="Undo the unfinished update.")]
Skip = Annotated[
    str | None,
    typer.Option(metavar="TAG", help="Pass over a release: the next one has its changes too."),
]
RollBack = Annotated[bool, typer.Option("--rollback", help="Undo the last finished update.")]
Feature = Annotated[str, typer.Argument(metavar="NAME", help="Name of the feature.")]
Preview = Annotated[bool, typer.Option("--preview", help="Show what would change; change nothing.")]


@app.command(cls=ReportCommand, short_help="Show whether a newer template is available.")
def status(project: ProjectOption = None) -> Report:
    """Show the project's template, what newer ones change, and how an update would end.

    Changes nothing. Exits with 2 when an update is available.
    """
    from bootstrap.project import drift, rollback, update
    from bootstrap.show import update as views

    opened = _open(project)
    with update.prepare(opened, update.target(opened)) as prepared:
        kept = rollback.backups(opened.repository)
        drifted = len(drift.difference(prepared.scratch, prepared.base).changes)
        return views.status(prepared.update, drifted, kept, opened.repository)


_UPDATE_HELP = """Apply what a newer template changes; your own changes are never lost.

An update is one commit: the template's changes, merged by git with yours, renames followed. What
you deleted stays deleted. Conflicts are left for you to resolve.

\b
Examples:
  headstart update --preview             what would happen to each file, and why
  headstart update --diff Makefile       one of them
  headstart update --preview --html report.html
                                         all of them, for a browser
  headstart update                       apply it, to the newest release in this package
  headstart update --to 0.2.0            to another release
  headstart update --data database=mysql with other answers
  headstart update --skip 0.2.0          pass over a release: `status` no longer offers it
  headstart update --continue            when every conflict is resolved and added
  headstart update --abort               restore everything as it was before
  headstart update --verify              and verify it without asking; alone: verify now
  headstart update --rollback            undo the last update, after it was committed
  headstart update --no-hooks --no-sign  without the hooks and the signature that git is told to use

An update is verified: every changed file is valid, there is one newest revision, the lock fits (or
`make lock` renews it, in a commit of its own); then, if you agree or with --verify, this machine is
set up as the new pins say, and `make check` and `make test` run. Your database is not migrated
before they pass: `make up` does that. Interrupted, the same command continues.

\b
Exit codes:
  0    done, or nothing to do
  1    there are conflicts (with --preview: there would be), or the verification failed
  4    refused, and nothing was changed
"""


_EXCLUSIVE = "--preview or --diff, --continue, --abort, --rollback and --skip exclude each other."


@app.command(cls=ReportCommand, help=_UPDATE_HELP, short_help="Update to a newer template.")
def update(
    to: ToOption = None,
    data: Data = None,
    preview: Preview = False,
    diff: DiffPath = None,
    proceed: Continue = False,
    abort: Abort = False,
    verify: Verify = None,
    roll_back: RollBack = False,
    skip: Skip = None,
    trust_record: TrustRecord = False,
    drop_tables: DropTables = False,
    no_sign: NoSign = False,
    no_hooks: NoHooks = False,
    html: HtmlOption = None,
    project: ProjectOption = None,
) -> Iterator[Report]:
    from bootstrap.project.commits import CommitOptions
    from bootstrap.project.update import target

    if sum(map(bool, (preview or diff, proceed, abort, roll_back, skip))) > 1:
        raise UsageError(_EXCLUSIVE)
    if html and (diff or proceed or abort or roll_back or skip):
        raise UsageError(Said("--html shows an update: use it alone, or with --preview."))
    mode, how = VerifyMode(verify), CommitOptions(sign=not no_sign, hooks=not no_hooks)
    if proceed:
        yield from _continue(_repository(project), mode, how)
    elif abort:
        yield _abort(_repository(project))
    elif roll_back:
        yield rollback(_repository(project))
    elif skip:
        yield _skip(_open(project), skip, how)
    else:
        opened = _open(project, html, to_update=not (preview or diff))
        found = target(opened, to, data or [])
        found = replace(found, trust=trust_record, tables=_rules(opened, drop=drop_tables))
        if diff:
            yield _difference(opened, found, diff)
            return
        options = [
            *(("--to", to) if to else ()),
            *(f"--data={each}" for each in data or []),
            *(("--trust-record",) if trust_record else ()),
            *(("--drop-tables",) if drop_tables else ()),
        ]
        yield from _run(opened, found, ("update", *options), mode, how, html, preview=preview)


@feature.command(cls=ReportCommand, short_help="Add a feature.")
def add(
    name: Feature,
    preview: Preview = False,
    html: HtmlOption = None,
    verify: Verify = None,
    trust_record: TrustRecord = False,
    no_sign: NoSign = False,
    no_hooks: NoHooks = False,
    project: ProjectOption = None,
) -> Iterator[Report]:
    """Add a feature: an update to the same template with this answer.

    Just as safe, and undone with `update --rollback`.
    """
    from bootstrap.project import update
    from bootstrap.project.commits import CommitOptions

    opened = _open(project, html, to_update=not preview)
    how = CommitOptions(sign=not no_sign, hooks=not no_hooks)
    target = replace(update.with_feature(opened, name), trust=trust_record)
    words = ("feature", "add", name)
    return _run(opened, target, words, VerifyMode(verify), how, html, preview=preview)


@feature.command(cls=ReportCommand, short_help="Remove a feature.")
def remove(
    name: Feature,
    preview: Preview = False,
    html: HtmlOption = None,
    verify: Verify = None,
    trust_record: TrustRecord = False,
    drop_tables: DropTables = False,
    no_sign: NoSign = False,
    no_hooks: NoHooks = False,
    project: ProjectOption = None,
) -> Iterator[Report]:
    """Remove a feature. What you changed in its files becomes a conflict, and is not lost.

    If your database has its tables, say what becomes of them: --drop-tables adds a revision that
    drops them, in every database; or downgrade yours first, where no other has them.
    """
    from bootstrap.project import update
    from bootstrap.project.commits import CommitOptions

    opened = _open(project, html, to_update=not preview)
    how = CommitOptions(sign=not no_sign, hooks=not no_hooks)
    target = update.without_feature(opened, name)
    target = replace(target, trust=trust_record, tables=_rules(opened, drop=drop_tables))
    words = ("feature", "remove", name, *(("--drop-tables",) if drop_tables else ()))
    return _run(opened, target, words, VerifyMode(verify), how, html, preview=preview)


@app.command(cls=ReportCommand, short_help="Show which files differ from the template.")
def drift(
    fail: Annotated[
        bool, typer.Option("--fail", help="Exit with 3 if a difference is not accepted.")
    ] = False,
    html: HtmlOption = None,
    project: ProjectOption = None,
) -> Iterator[Report]:
    """Show which files differ from what the template rendered: how, and since which commit.

    Reads the files as they are on disk; changes nothing. Intended differences are accepted in
    .headstart/drift.yml, permanently or until a date:

    \b
    - path: Makefile
      reason: our own deploy target
      until: 2027-03-31
    """
    from datetime import UTC, datetime

    from bootstrap.project import diffs, drift, update
    from bootstrap.show import drift as views
    from bootstrap.show import page

    opened = _open(project, html)
    today = datetime.now(UTC).date()
    with drift.measured(opened, update.target(opened), today) as (scratch, found):
        read = partial(diffs.side, scratch.git, found.before, found.now, "--diff-filter=a")
        report = views.drift(found, fail=fail)
        yield report.with_page(html, lambda: page.drift(opened, found, read()))


def _open(project: Path | None, html: Path | None = None, *, to_update: bool = False) -> "Project":
    """The project here, when it is certain that its page can be written."""
    from bootstrap.paths import real_path
    from bootstrap.project import answers_file, update

    if html:
        from bootstrap.show.page_file import check_writable

        check_writable(html)
    return update.open_project(
        real_path(project or answers_file.locate(Path.cwd())), to_update=to_update
    )


def _skip(opened: "Project", version: str, how: "CommitOptions") -> Report:
    from bootstrap.project import skips
    from bootstrap.show import update as views

    made = skips.skip(opened.repository, opened.path, version, opened.version, how)
    return views.skipped(version, made)


def _rules(opened: "Project", *, drop: bool) -> "TableRules":
    """What becomes of tables whose revisions go."""
    from bootstrap.commands.verify import applied_revisions
    from bootstrap.project.tables import TableRules, TablesChoice

    choice = TablesChoice.DROP if drop else TablesChoice.ASK
    return TableRules(choice, partial(applied_revisions, opened.path))


def _repository(project: Path | None) -> "Repository":
    from bootstrap.project import answers_file
    from bootstrap.project.repository import open_repository

    return open_repository(project or answers_file.locate(Path.cwd()))


def _run(
    opened: "Project",
    to: "Target",
    words: tuple[str, ...],
    mode: VerifyMode,
    how: "CommitOptions",
    html: Path | None,
    *,
    preview: bool,
) -> Iterator[Report]:
    """Show an update, or apply it; `words` are the command that applies it."""
    if preview:
        return _preview(opened, to, words, html)
    return _apply(opened, to, mode, how, html)


def _preview(
    opened: "Project", to: "Target", words: tuple[str, ...], html: Path | None
) -> Iterator[Report]:
    from bootstrap.project import apply, update
    from bootstrap.show import page
    from bootstrap.show import update as views

    command = shlex.join(("headstart", *words))
    rest = shlex.join(("headstart", *_as_update(to, words), "--diff"))
    with update.prepare(opened, to) as prepared:
        obstacle = apply.obstacle(opened.repository, prepared.update.proposal)
        report = views.preview(prepared.update, opened.repository, command, obstacle)
        build = partial(page.preview, opened, prepared.update, command=command, rest=rest)
        yield report.with_page(html, lambda: build(diffs=prepared.diffs()))


def _as_update(to: "Target", words: tuple[str, ...]) -> tuple[str, ...]:
    """The same as the update that it is: only that shows the diff of one file."""
    if words[0] == "update":
        return words
    data = (f"--data={name}={json.dumps(each.value)}" for name, each in to.data.items())
    options = (word for word in words if word.startswith("--"))
    return "update", "--to", to.template.version, *data, *options


def _apply(
    opened: "Project", to: "Target", mode: VerifyMode, how: "CommitOptions", html: Path | None
) -> Iterator[Report]:
    """Apply an update, and verify it where that is due or asked for.

    Programs get one document at the end, with the verification in it.
    """
    from bootstrap.project import update
    from bootstrap.project.update_state import pending_verification
    from bootstrap.show import page
    from bootstrap.show import update as views

    repository = opened.repository
    with update.apply_update(opened, to, how) as applied:
        build = partial(page.updated, opened, applied, applied.prepared.diffs()) if html else None
    report = views.updated(applied, repository).with_page(html, build)
    wanted = mode is VerifyMode.FULL or pending_verification(repository)
    if wanted and not applied.update.proposal.conflicts:
        yield replace(report, document=None)
        yield from finish_update(repository, applied.update.after, mode, report)
    else:
        yield report


def _difference(opened: "Project", to: "Target", path: str) -> Report:
    from bootstrap.project import update
    from bootstrap.show import update as views

    with update.prepare(opened, to) as prepared:
        return views.difference(path, prepared.diff(path))


def _continue(repository: "Repository", mode: VerifyMode, how: "CommitOptions") -> Iterator[Report]:
    """Commit what a person has resolved, and verify the update."""
    from bootstrap.project import answers_file, apply
    from bootstrap.project.repository import locked
    from bootstrap.show import update as views

    with locked(repository):
        report = views.continued(apply.proceed(repository, how), how)
    yield replace(report, document=None)
    yield from finish_update(repository, answers_file.load(repository).version, mode, report)


def _abort(repository: "Repository") -> Report:
    from bootstrap.project import rollback
    from bootstrap.project.repository import locked
    from bootstrap.show import update as views

    with locked(repository):
        return views.aborted(rollback.abort(repository), repository.head())
