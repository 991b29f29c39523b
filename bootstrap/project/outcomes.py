"""What an update does to each file, in words: the template's change, yours, and the outcome."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bootstrap.language import Said, joined
from bootstrap.project.masks import Kept
from bootstrap.project.trees import Change


class Outcome(StrEnum):
    NEW = "new"
    UPDATED = "updated"
    MERGED = "merged"
    MOVED = "moved"
    DELETED = "deleted"
    KEPT = "kept"
    CONFLICT = "conflict"


@dataclass(frozen=True)
class FileOutcome:
    """One file: what the template did, what you did, what becomes of it, and why."""

    path: str
    template: str
    yours: str
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True)
class Sides:
    """The changes since base of each side, those of the merge since yours, and its conflicts.

    In the `formatted` files you had changed nothing but formatting, and base has yours. `newest`
    are your newest revisions, if each of your files says which it is.
    """

    template: Sequence[Change]
    yours: Sequence[Change]
    result: Sequence[Change]
    conflicts: Mapping[str, Sequence[str]]
    kept: Mapping[str, Kept]
    complaints: Mapping[str, str]
    formatted: frozenset[str] = frozenset()
    newest: Sequence[str] = ()


_WORDS = {"A": "new", "D": "deleted", "M": "changed", "R": "moved", "T": "changed"}


def outcomes(sides: Sides) -> tuple[FileOutcome, ...]:
    """Every file that the template changes or that has a conflict, by path."""
    mine = {change.old: change for change in sides.yours if change.kind != "A"}
    files = [
        outcome
        for change in sides.template
        if change.old not in sides.kept
        for outcome in _outcome(change, mine.get(change.old), sides)
    ]
    seen = {each.path for each in files}
    files += [_kept(path, why) for path, why in sides.kept.items() if path not in seen]
    files += _unexplained(sides, {each.path for each in files})
    return tuple(sorted(files, key=lambda each: each.path))


def with_notes(
    files: Sequence[FileOutcome], notes: Mapping[str, Sequence[str]]
) -> tuple[FileOutcome, ...]:
    """The outcomes, and what was rewritten in files, by path: also in those that are only yours.

    A conflict keeps its reason, by which it is resolved.
    """
    known = {each.path for each in files}
    noted = [
        each
        if each.outcome is Outcome.CONFLICT
        else replace(each, reason=", ".join(filter(None, (each.reason, *notes.get(each.path, ())))))
        for each in files
    ]
    noted += [
        FileOutcome(path, "", "new", Outcome.MERGED, joined(reasons, ", "))
        for path, reasons in notes.items()
        if path not in known
    ]
    return tuple(sorted(noted, key=lambda each: each.path))


def with_places(files: Sequence[FileOutcome], places: Mapping[str, str]) -> tuple[FileOutcome, ...]:
    """The outcomes; a file that is deleted, and you changed, with what has its content now."""
    return tuple(
        replace(
            each,
            reason=Said(_MERGED_INTO.text, place=places[each.path]),
        )
        if each.reason == _DELETED_BY_TEMPLATE and each.path in places
        else each
        for each in files
    )


def advice(each: FileOutcome, path: str) -> tuple[tuple[str, str], ...]:
    """How to resolve a conflict, in one line: words, and the command after them.

    `path` is relative to the project.
    """
    name = shlex.quote(path)
    if each.reason in {_DELETED_BY_TEMPLATE, _DISPLACED, _DISTINCT}:
        return (Said("keep yours: "), f"git add {name}"), (Said(" · let it go: "), f"git rm {name}")
    if _is(_MERGED_INTO, each.reason):
        new = each.reason.removeprefix(_beginning(_MERGED_INTO)).partition(",")[0]
        return (
            (
                Said("make your change in {new}, then ", new=new),
                f"git add {shlex.quote(new)} && git rm {name}",
            ),
        )
    if each.reason == _MOVED_APART:
        return ((Said("choose one name, git rm the others, then "), f"git add {name}"),)
    if path.endswith("migrate/HEAD"):
        both = _is(_HEADS, each.reason)
        command = "alembic merge heads" if both else "migrate rebase CHERRY_PICK_HEAD"
        return (("", f"python -m {command} && git add migrate"),)
    if each.reason == _BINARY or _is(_INVALID, each.reason):
        checked_out = ("", f"git checkout --ours {name}")
        return checked_out, (Said(" (or --theirs), fix it, then "), f"git add {name}")
    return ((Said("edit it between <<<<<<< and >>>>>>>, then "), f"git add {name}"),)


_BINARY = Said("both changed it, and it cannot be merged line by line")
_SAME_LINES = Said("both changed the same lines")
_BOTH_ADDED = Said("both added it")
_DELETED_BY_TEMPLATE = Said("the template deletes it, and you changed it")
_MERGED_INTO = Said("the template merges it into {place}, and you changed it")
_DISPLACED = Said("a file of one side is where the other has a folder, so git renamed the file")
_DISTINCT = Said("a file on one side and a link on the other, so git renamed one of them")
_FORMATTED = Said("only your formatting differed")
_MOVED_APART = Said("both moved it, to different places")
_HEADS = Said("you have more than one newest revision: {revisions}")
_REVISION_NOTES = {
    "M": Said("databases that already have this revision are not changed"),
    "D": Said("where a database has this revision: --drop-tables"),
}
_REVISION = re.compile(r"(^|/)migrate/versions/[^/]+\.py$")
_INVALID = Said("merged, it would not be valid: {complaint}")


def _is(kind: Said, reason: str) -> bool:
    """Say whether a reason is of this kind, whatever it was filled with."""
    return reason.startswith(_beginning(kind))


def _beginning(kind: Said) -> str:
    return kind.text.partition("{")[0]


def _outcome(change: Change, mine: Change | None, sides: Sides) -> Iterable[FileOutcome]:
    path = mine.new if mine and mine.kind == "R" else change.new
    both_added = change.kind == "A" and any(
        each.kind == "A" and each.new == path for each in sides.yours
    )
    yours = _WORDS["A"] if both_added else _WORDS[mine.kind] if mine else ""
    template = _WORDS[change.kind]
    for conflicted in dict.fromkeys((path, change.new, change.old)):
        if conflicted in sides.conflicts:
            reason = _reason(conflicted, change, sides)
            yield FileOutcome(conflicted, template, yours, Outcome.CONFLICT, reason)
            return
    arrived = {each.new for each in sides.result} | {each.old for each in sides.result}
    if path in arrived or change.old in arrived:
        outcome, reason = _arrived(change, mine)
        if change.old in sides.formatted:
            yours = yours or "formatted"
            reason = joined(filter(None, (reason, _FORMATTED)), ", ")
        yield FileOutcome(path, template, yours, outcome, reason)


def _arrived(change: Change, mine: Change | None) -> tuple[Outcome, str]:
    if mine and mine.kind == "R":
        return Outcome.MERGED, Said("you moved it from {old}", old=mine.old)
    if change.kind == "R":
        if mine:
            return Outcome.MOVED, Said("from {old}, with your changes", old=change.old)
        return Outcome.MOVED, Said("from {old}", old=change.old)
    note = _REVISION_NOTES.get(change.kind, "") if _REVISION.search(change.new) else ""
    if mine:
        return Outcome.MERGED, note
    return {"A": Outcome.NEW, "D": Outcome.DELETED}.get(change.kind, Outcome.UPDATED), note


def _kept(path: str, why: Kept) -> FileOutcome:
    yours = "deleted" if why is Kept.DELETED else ""
    return FileOutcome(path, "changed", yours, Outcome.KEPT, str(why))


def _unexplained(sides: Sides, seen: set[str]) -> list[FileOutcome]:
    """Files of yours that the merge moves or cannot place, unknown to the template."""
    conflicts = [
        FileOutcome(path, "", "changed", Outcome.CONFLICT, _kind(kinds))
        for path, kinds in sides.conflicts.items()
        if path not in seen
    ]
    moved = [
        FileOutcome(
            change.new,
            "",
            "new",
            Outcome.MOVED,
            Said("from {old}, with its folder", old=change.old),
        )
        for change in sides.result
        if change.kind == "R" and not {change.new, change.old} & (seen | sides.conflicts.keys())
    ]
    return [*conflicts, *moved]


def _reason(path: str, change: Change, sides: Sides) -> str:
    if path in sides.complaints:
        return Said(_INVALID.text, complaint=sides.complaints[path])
    kinds = sides.conflicts[path]
    if path.endswith("migrate/HEAD") and len(sides.newest) > 1:
        return Said(_HEADS.text, revisions=", ".join(sides.newest))
    if change.kind == "A" and "contents" in kinds:
        return _BOTH_ADDED
    return _kind(kinds)


def _kind(kinds: Sequence[str]) -> str:
    if "binary" in kinds:
        return _BINARY
    if any(kind.endswith("/delete") for kind in kinds):
        return _DELETED_BY_TEMPLATE
    if "file/directory" in kinds:
        return _DISPLACED
    if any(kind.startswith("distinct ") for kind in kinds):
        return _DISTINCT
    if any(kind.startswith("rename/") for kind in kinds):
        return _MOVED_APART
    return _SAME_LINES
