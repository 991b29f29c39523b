"""What status, a preview, an update, and its end tell."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from bootstrap.project.outcomes import Outcome, advice
from bootstrap.reports.report import Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bootstrap.project.outcomes import FileOutcome
    from bootstrap.project.repository import Repository
    from bootstrap.project.update import Brought, Update


def of_preview(update: Update, repository: Repository, command: str) -> Report:
    """What an update would do; nothing was touched, and `command` is what does it."""
    document = _document(update, repository) | {"applied": False}
    if update.proposal.empty:
        return Report(document, [f"Up to date: {update.after}."])
    ending = ["", f"Nothing was changed. To do it: {command}"]
    return Report(
        document, [*_head(update), *_files(update, repository), "", _sum(update), *ending]
    )


def of_update(brought: Brought, repository: Repository) -> Report:
    """What an update has done."""
    update = brought.update
    done = {
        "applied": not update.proposal.empty,
        "commit": brought.commit,
        "backup": brought.backup,
    }
    document = _document(update, repository) | done
    if update.proposal.empty:
        return Report(document, [f"Up to date: {update.after}."])
    lines = [*_head(update), *_files(update, repository), "", _sum(update), ""]
    return Report(document, [*lines, *_next(brought, repository)])


def of_difference(path: str, diff: str) -> Report:
    """What an update would do to one file."""
    lines = diff.splitlines() or [f"Nothing would change in {path}."]
    return Report({"path": path, "diff": diff}, lines)


def of_continued(commit: str) -> Report:
    """An update whose conflicts are settled."""
    lines = [f"The update is commit {commit[:10]}.", "Next: make up && make check && make test"]
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
    lines = [f"The project is of template {update.before}."]
    if update.available:
        told = ["See it: headstart update --preview"]
        lines += [
            "",
            *_changelog(update),
            "",
            f"An update to {update.after}: {_sum(update)}.",
            *told,
        ]
    else:
        lines.append("There is no newer one here.")
    lines.append(
        f"Files that differ from the template: {update.proposal.drifted} (headstart drift)"
    )
    return Report(document, [*lines, *(f"Before an update: {ref}" for ref in backups)])


def _document(update: Update, repository: Repository) -> dict[str, object]:
    return {
        "from": update.before,
        "to": update.after,
        "changelog": [section._asdict() for section in update.sections],
        "new_answers": {each.question.name: each.value for each in update.new_answers},
        "dropped_answers": list(update.dropped),
        "new_settings": list(update.settings.new),
        "gone_settings": list(update.settings.gone),
        "counts": dict(update.proposal.counts),
        "files": [_file_document(each, repository) for each in update.proposal.files],
    }


def _file_document(each: FileOutcome, repository: Repository) -> dict[str, object]:
    told: dict[str, object] = asdict(each) | {"path": repository.path(each.path)}
    if each.outcome is Outcome.CONFLICT:
        told["advice"] = advice(each, repository.path(each.path))
    return told


def _head(update: Update) -> list[str]:
    to = f" → {update.after}" if update.available else ", with other answers"
    lines = [f"Template {update.before}{to}", "", *_changelog(update)]
    lines += [
        f"  new: {each.question.name} = {each.shown_value} ({each.source})"
        for each in update.new_answers
    ]
    lines += [f"  no longer asked: {name}" for name in update.dropped]
    lines += [f"  new setting, see .env.example: {name}" for name in update.settings.new]
    lines += [f"  setting that is no more: {name}" for name in update.settings.gone]
    return [*lines, ""] if lines[2:] else lines[:2]


def _changelog(update: Update) -> list[str]:
    return [f"  {section.version}: {section.headline}" for section in update.sections]


def _files(update: Update, repository: Repository) -> list[str]:
    files = update.proposal.files
    width = max((len(repository.path(each.path)) for each in files), default=0)
    return [_row(each, repository.path(each.path), width) for each in files]


def _row(each: FileOutcome, path: str, width: int) -> str:
    sides = f"template {each.template or '-':8} you {each.yours or '-':8}"
    outcome = "CONFLICT" if each.outcome is Outcome.CONFLICT else str(each.outcome)
    return f"  {path:{width}}  {sides} {outcome:8} {each.reason}".rstrip()


def _sum(update: Update) -> str:
    counts = update.proposal.counts
    return ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "nothing to change"


def _next(brought: Brought, repository: Repository) -> Iterable[str]:
    conflicts = brought.update.proposal.conflicts
    if not conflicts:
        yield "Next: make up && make check && make test"
        yield f"To go back: git reset --keep {brought.backup}"
        return
    yield "Settle what both changed:"
    for each in conflicts:
        path = repository.path(each.path)
        yield f"  {path}: {advice(each, path)}"
    yield "Then: headstart update --continue    Or take it all back: headstart update --abort"
