"""What status, a preview, an update, and its end tell."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bootstrap.project.outcomes import Outcome, advice
from bootstrap.project.rollback import backup_time
from bootstrap.reports.aftermath import attention_document, attention_facts
from bootstrap.reports.kinds import KINDS, Kind
from bootstrap.reports.report import Again, Diff, Files, Group, Pair, Report, Row, Totals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bootstrap.project.outcomes import FileOutcome
    from bootstrap.project.repository import Repository
    from bootstrap.project.update import AppliedUpdate, Update
    from bootstrap.reports.report import Item


def of_preview(update: Update, repository: Repository, command: str) -> Report:
    """What an update would do; nothing was touched, and `command` is what does it."""
    document = _document(update, repository) | {"applied": False}
    if update.proposal.empty:
        return Report(document, [f"Up to date: {update.after}."])
    ending = ["", f"Nothing was changed. To do it: {command}"]
    return Report(document, [*_head(update), *_files(update, repository), *ending])


def of_update(applied: AppliedUpdate, repository: Repository) -> Report:
    """What an update has done."""
    update = applied.update
    done = {
        "applied": not update.proposal.empty,
        "commit": applied.commit,
        "backup": applied.backup,
    }
    document = _document(update, repository) | done
    if update.proposal.empty:
        return Report(document, [f"Up to date: {update.after}."])
    lines = [*_head(update), *_files(update, repository), "", *_next(applied, repository)]
    return Report(document, lines)


def of_difference(path: str, diff: str) -> Report:
    """What an update would do to one file."""
    line = Diff(diff) if diff else f"Nothing would change in {path}."
    return Report({"path": path, "diff": diff}, [line])


def of_continued(commit: str) -> Report:
    """An update whose conflicts are settled."""
    lines = [f"The update is commit {commit[:10]}."]
    return Report({"commit": commit}, lines)


def of_aborted(rescue: str, head: str) -> Report:
    """An update that was taken back."""
    lines = [f"Everything is as it was, at {head[:10]}."]
    if rescue:
        lines.append(f"What the files held is kept: git diff HEAD {rescue}")
    return Report({"head": head, "rescue": rescue}, lines)


def of_status(update: Update, backups: Sequence[str], repository: Repository) -> Report:
    """Where a project stands: behind by what, how an update would end, what differs."""
    document = _document(update, repository) | {
        "version": update.before,
        "newest": update.after,
        "behind": [section.version for section in update.sections],
        "update_available": update.available,
        "drifted": update.proposal.drifted,
        "backups": list(backups),
    }
    lines: list[Item] = [f"The project is of template {update.before}."]
    if update.available:
        sum_ = "".join(_totals(update).plain)
        see = f"An update to {update.after}: {sum_ or 'nothing to change'}."
        lines += ["", *_changelog(update), "", see, "See it: headstart update --preview"]
    else:
        lines.append("There is no newer one here.")
    drifted = f"Files that differ from the template: {update.proposal.drifted} (headstart drift)"
    return Report(document, [*lines, drifted, *(_backup(ref) for ref in backups)])


def _backup(ref: str) -> str:
    days = (datetime.now(UTC) - backup_time(ref)).days
    age = {0: "today", 1: "yesterday"}.get(days, f"{days} days ago")
    return f"Before an update, {age}: {ref}"


def _document(update: Update, repository: Repository) -> dict[str, object]:
    return {
        "from": update.before,
        "to": update.after,
        "changelog": [section._asdict() for section in update.sections],
        "new_answers": {each.question.name: each.value for each in update.new_answers},
        "dropped_answers": list(update.dropped),
        "new_settings": list(update.settings.new),
        "gone_settings": list(update.settings.gone),
        **attention_document(update.attention),
        "counts": dict(update.proposal.counts),
        "files": [_file_document(each, repository) for each in update.proposal.files],
    }


def _file_document(each: FileOutcome, repository: Repository) -> dict[str, object]:
    told: dict[str, object] = asdict(each) | {"path": repository.path(each.path)}
    if each.outcome is Outcome.CONFLICT:
        told["advice"] = advice(each, repository.path(each.path))
    return told


def _head(update: Update) -> list[Item]:
    to = f" → {update.after}" if update.available else ", with other answers"
    pairs = [*_changelog(update), *_facts(update)]
    return [f"Template {update.before}{to}", "", *pairs, *([""] if pairs else [])]


def _facts(update: Update) -> Iterator[Pair]:
    for each in update.new_answers:
        yield Pair("new", f"{each.question.name} = {each.shown_value} ({each.source})")
    yield from (Pair("no longer asked", name) for name in update.dropped)
    yield from (Pair("new setting, see .env.example", name) for name in update.settings.new)
    yield from (Pair("setting that is no more", name) for name in update.settings.gone)
    yield from attention_facts(update.attention)


def _changelog(update: Update) -> Iterator[Pair]:
    return (Pair(section.version, section.headline) for section in update.sections)


def _files(update: Update, repository: Repository) -> Iterator[Item]:
    """The files, and how many there are of each kind."""
    files = update.proposal.files
    width = max((len(repository.path(each.path)) for each in files), default=0)
    lines = tuple(_line(each, repository.path(each.path), width) for each in files)
    groups = (_group(kind, files, repository) for kind in reversed(KINDS))
    yield Files(tuple(group for group in groups if group.rows), lines)
    yield Again(("",))
    yield _totals(update)


def _group(kind: Kind, files: Iterable[FileOutcome], repository: Repository) -> Group:
    rows = tuple(_row(each, repository) for each in files if each.outcome is kind.outcome)
    title = kind.titled(len(rows))
    return Group(str(kind.outcome), kind.sign, title, kind.meaning, rows)


def _row(each: FileOutcome, repository: Repository) -> Row:
    path = repository.path(each.path)
    told = advice(each, path) if each.outcome is Outcome.CONFLICT else ""
    return Row(path, (each.reason,) if each.reason else (), told)


def _line(each: FileOutcome, path: str, width: int) -> str:
    sides = f"template {each.template or '-':8} you {each.yours or '-':8}"
    outcome = "CONFLICT" if each.outcome is Outcome.CONFLICT else str(each.outcome)
    return f"  {path:{width}}  {sides} {outcome:8} {each.reason}".rstrip()


def _totals(update: Update) -> Totals:
    return Totals(update.proposal.counts)


def _next(applied: AppliedUpdate, repository: Repository) -> Iterator[Item]:
    if not applied.update.proposal.conflicts:
        yield f"It is commit {applied.commit[:10]}; where it began is kept as {applied.backup}."
        return
    rows = [_row(each, repository) for each in applied.update.proposal.conflicts]
    told = (f"  {row.path}: {row.advice}" for row in rows)
    yield Again(("Settle what both changed:", *told))
    yield "Then: headstart update --continue    Or take it all back: headstart update --abort"
