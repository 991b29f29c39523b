"""What status, a preview, an update, and its end report."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bootstrap.errors import ExitCode
from bootstrap.language import Said, shown
from bootstrap.project.outcomes import Outcome, advice
from bootstrap.project.rollback import backup_time
from bootstrap.show.items import (
    Diff,
    FileGroup,
    FileRow,
    Files,
    Pair,
    PipeOnly,
    Totals,
    padded,
    width_of,
)
from bootstrap.show.report import Report
from bootstrap.show.verification import attention_document, attention_pairs, import_pairs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bootstrap.errors import Refused
    from bootstrap.project.commits import CommitOptions, MadeCommit
    from bootstrap.project.evidence import Doubt
    from bootstrap.project.outcomes import FileOutcome
    from bootstrap.project.repository import Repository
    from bootstrap.project.rollback import Restored
    from bootstrap.project.update import AppliedUpdate, Update
    from bootstrap.show.items import Item


_KINDS = (  # each with its sign and what it means, in the order in which a person has to know
    (Outcome.CONFLICT, "✗", Said("both changed it: you resolve it")),
    (Outcome.MERGED, "±", Said("the template's change and yours, together")),
    (Outcome.MOVED, "→", Said("moved, with your changes in it")),
    (Outcome.DELETED, "\N{MINUS SIGN}", Said("no longer in the template")),
    (Outcome.KEPT, "=", Said("yours stays; the template's change is not applied")),
    (Outcome.UPDATED, "↑", Said("as in the template; you had not changed it")),
    (Outcome.NEW, "+", Said("the template adds it")),
)


def status(update: Update, drifted: int, backups: Sequence[str], repository: Repository) -> Report:
    """Which template a project has, what newer ones change, and what differs from its own."""
    document = _document(update, repository) | {
        "version": update.before,
        "newest": update.after,
        "behind": [section.version for section in update.sections],
        "update_available": update.available,
        "drifted": drifted,
        "backups": list(backups),
    }
    lines: list[Item] = [
        Said("This project was generated from template {before}.", before=update.before)
    ]
    lines += doubt(update.doubt)
    if update.available:
        counts = "".join(Totals(update.proposal.counts).plain) or Said("nothing to change")
        ending = ("", Said("An update to {after}: {counts}.", after=update.after, counts=counts))
        lines += ["", *_changelog(update), *ending, Said("To see it: headstart update --preview")]
    else:
        lines.append(Said("No newer template in this installation."))
    lines.append(
        Said("Files that differ from the template: {drifted} (headstart drift)", drifted=drifted)
    )
    code = ExitCode.UPDATE_AVAILABLE if update.available else ExitCode.DONE
    return Report([*lines, *map(_backup, backups)], document, code)


def preview(
    update: Update, repository: Repository, command: str, obstacle: Refused | None
) -> Report:
    """What an update would do; nothing was changed, and `command` is what does it.

    An `obstacle` is what that command would refuse now.
    """
    document = _document(update, repository) | {
        "applied": False,
        "obstacle": {"what": obstacle.what, "why": obstacle.why, "next": obstacle.next}
        if obstacle
        else None,
    }
    if update.proposal.empty:
        return Report([_up_to_date(update)], document)
    ending = [
        "",
        *_obstacle_lines(obstacle),
        Said("Nothing was changed. To do it: {command}", command=command),
    ]
    items = [*_head(update), *_files(update, repository), *ending]
    return Report(items, document, _exit_code(update))


def _obstacle_lines(obstacle: Refused | None) -> Iterator[str]:
    if obstacle:
        yield Said("It would be refused now: {what}", what=obstacle.what)
        yield from (f"  {shown(each)}" for each in obstacle.why)
        yield from (f"  → {shown(each)}" for each in obstacle.next)
        yield ""


def updated(applied: AppliedUpdate, repository: Repository) -> Report:
    """What an update has done."""
    update = applied.update
    document = _document(update, repository) | {
        "applied": not update.proposal.empty,
        "commit": applied.commit,
        "backup": applied.backup,
        "how": applied.how,
    }
    if update.proposal.empty:
        return Report([_up_to_date(update)], document)
    items = [*_head(update), *_files(update, repository), "", *_next(applied, repository)]
    return Report(items, document, _exit_code(update))


def difference(path: str, diff: str) -> Report:
    """What an update would do to one file."""
    item = Diff(diff) if diff else Said("Nothing would change in {path}.", path=path)
    return Report([item], {"path": path, "diff": diff})


def continued(made: MadeCommit, options: CommitOptions) -> Report:
    """An update whose conflicts are resolved."""
    how = made.sentence(options)
    lines = [Said("The update is commit {id}.", id=made.id[:10]), *([how] if how else [])]
    return Report(lines, {"commit": made.id, "how": how})


def skipped(version: str, made: MadeCommit) -> Report:
    """A release that is passed over."""
    number = version.removeprefix("v")
    lines = [
        Said("Template {number} is passed over, in commit {id}.", number=number, id=made.id[:10]),
        Said("What it changes comes with the next release."),
        Said("To take it all the same: headstart update --to {number}", number=number),
    ]
    return Report(lines, {"skipped": number, "commit": made.id})


def aborted(restored: Restored, head: str) -> Report:
    """An update that was undone before it was finished."""
    lines = [Said("Everything is as it was, at {head}.", head=head[:10])]
    if restored.rescue:
        lines.append(
            Said("What the files contained is kept: git diff HEAD {rescue}", rescue=restored.rescue)
        )
    lines += [
        Said("Something of yours was in the way, and is now {each}", each=each)
        for each in restored.aside
    ]
    document = {"head": head, "rescue": restored.rescue, "aside": list(restored.aside)}
    return Report(lines, document)


def pairs(update: Update) -> Iterator[Pair]:
    """What an update brings besides its files."""
    for each in update.new_answers:
        yield Pair(Said("new answer"), f"{each.question.name} = {each.shown_value} ({each.source})")
    yield from (Pair(Said("removed question"), name) for name in update.dropped)
    yield from (Pair(Said("new setting, see .env.example"), name) for name in update.settings.new)
    yield from (Pair(Said("removed setting"), name) for name in update.settings.gone)
    yield from attention_pairs(update.attention)
    yield from import_pairs(update.proposal.broken_imports)


def groups(update: Update, repository: Repository) -> tuple[FileGroup, ...]:
    """The files of each outcome, conflicts first."""
    found = []
    for outcome, sign, meaning in _KINDS:
        files = [each for each in update.proposal.files if each.outcome is outcome]
        if files:
            plural = "s" if outcome is Outcome.CONFLICT and len(files) > 1 else ""
            rows = tuple(_row(each, repository) for each in files)
            found.append(FileGroup(str(outcome), sign, f"{outcome}{plural}", meaning, rows))
    return tuple(found)


def _row(each: FileOutcome, repository: Repository) -> FileRow:
    path = repository.path(each.path)
    return FileRow(
        path,
        details=(each.reason,) if each.reason else (),
        steps=advice(each, path) if each.outcome is Outcome.CONFLICT else (),
        cells=(each.template, each.yours),
    )


def doubt(found: Doubt | None) -> Iterator[Pair]:
    """That the project did not come from what is recorded, and what to do about it."""
    if found:
        yield Pair(
            Said("not what the files say"),
            Said("{told}; look closer: headstart link", told=found.told),
        )


def _up_to_date(update: Update) -> str:
    return Said("Up to date: {after}.", after=update.after)


def _exit_code(update: Update) -> ExitCode:
    return ExitCode.FAILED if update.proposal.conflicts else ExitCode.DONE


def _backup(ref: str) -> str:
    days = (datetime.now(UTC) - backup_time(ref)).days
    age = {0: "today", 1: "yesterday"}.get(days, Said("{days} days ago", days=days))
    return Said("Before an update, {age}: {ref}", age=age, ref=ref)


def _document(update: Update, repository: Repository) -> dict[str, object]:
    return {
        "from": update.before,
        "to": update.after,
        "doubt": asdict(update.doubt) if update.doubt else None,
        "changelog": [section._asdict() for section in update.sections],
        "new_answers": {each.question.name: each.value for each in update.new_answers},
        "dropped_answers": list(update.dropped),
        "new_settings": list(update.settings.new),
        "gone_settings": list(update.settings.gone),
        **attention_document(update.attention),
        "broken_imports": [each._asdict() for each in update.proposal.broken_imports],
        "counts": dict(update.proposal.counts),
        "files": [_file_document(each, repository) for each in update.proposal.files],
    }


def _file_document(each: FileOutcome, repository: Repository) -> dict[str, object]:
    row = _row(each, repository)
    about: dict[str, object] = asdict(each) | {"path": row.path}
    return about | ({"advice": row.advice} if row.advice else {})


def _head(update: Update) -> list[Item]:
    to = f" → {update.after}" if update.available else Said(", with other answers")
    about = [*doubt(update.doubt), *_changelog(update), *pairs(update)]
    return [f"Template {update.before}{to}", "", *about, *([""] if about else [])]


def _changelog(update: Update) -> Iterator[Pair]:
    return (Pair(section.version, section.headline) for section in update.sections)


def _files(update: Update, repository: Repository) -> Iterator[Item]:
    """The files, and how many there are of each kind."""
    files = update.proposal.files
    width = max((width_of(repository.path(each.path)) for each in files), default=0)
    lines = tuple(_line(each, repository.path(each.path), width) for each in files)
    yield Files(groups(update, repository), lines)
    yield PipeOnly(("",))
    yield Totals(update.proposal.counts)


def _line(each: FileOutcome, path: str, width: int) -> str:
    sides = f"template {each.template or '-':8} you {each.yours or '-':8}"
    outcome = "CONFLICT" if each.outcome is Outcome.CONFLICT else str(each.outcome)
    return f"  {padded(path, width)}  {sides} {outcome:8} {shown(each.reason)}".rstrip()


def _next(applied: AppliedUpdate, repository: Repository) -> Iterator[Item]:
    if not applied.update.proposal.conflicts:
        commit = applied.commit[:10]
        yield Said(
            "The update is commit {commit}; the state before it is kept as {backup}.",
            commit=commit,
            backup=applied.backup,
        )
        yield from filter(None, (applied.how,))
        return
    rows = [_row(each, repository) for each in applied.update.proposal.conflicts]
    yield PipeOnly(
        (Said("Resolve the conflicts:"), *(f"  {row.path}: {row.advice}" for row in rows))
    )
    yield Said("Then: headstart update --continue    Or undo all of it: headstart update --abort")
