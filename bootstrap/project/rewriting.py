"""What follows a rename in merged files: imports that it would break, and a release's codemods.

A rewritten file is in the synthetic commit: its parent has the file as the project has it, and its
tree the same file rewritten. So git has nothing to decide there.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from bootstrap.project.broken_imports import ImportSearch, Merge, search, suspects
from bootstrap.project.codemods import Codemod, ModuleRename, applied
from bootstrap.project.imports import SUFFIX, Import, Resolution, imports_at_once
from bootstrap.project.renamed import module_name
from bootstrap.project.trees import Change, ScratchRepository, Tree, TreeEntry

_TEST = re.compile(r"(^|/)(test_[^/]*|[^/]*_test)\.py$")
_THERE = {Resolution.FOUND, Resolution.UNKNOWN}  # a file with conflicts is there, and unreadable
_FEW = 2  # reasons that are named one by one
_UNREADABLE = "\N{REPLACEMENT CHARACTER}"


class Rewrite(NamedTuple):
    """The new text of a merged file, and why; without a text the file is left out."""

    text: str | None
    reasons: tuple[str, ...]


class _Due(NamedTuple):
    codemod: Codemod
    reason: str


class _Move(NamedTuple):
    new: str
    mine: bool


def rewrites(
    scratch: ScratchRepository,
    merge: Merge,
    conflicts: Collection[str],
    codemods: Sequence[Codemod],
) -> dict[str, Rewrite]:
    """What is to be rewritten in the merged files, by path.

    A rename is followed where an import would be broken without it and is whole with it. Codemods
    run on what is the project's: the template's own files need none. A new test of what you have
    deleted is left out: it could not even be imported.
    """
    moves = _moves(merge)
    paths = suspects(scratch, merge)
    mine = _of_project(merge) if codemods else frozenset()
    if not paths | mine:
        return {}
    looked = search(scratch, merge)
    found = {}
    for path in sorted((paths | mine) - set(conflicts)):
        # A release knows which names stayed behind where it moved a module; git does not.
        due = [_Due(each, each.words) for each in codemods] if path in mine else []
        due += _followed(looked, path, moves) if path in paths else []
        if path in paths and (needed := _needed_by_test(looked, path)):
            found[path] = Rewrite(None, (f"it needs {needed}, which you deleted",))
            continue
        text = looked.merged.read(path)
        new = _rewritten(path, text, due)
        if new.text != text and _UNREADABLE not in text:
            found[path] = new
    return found


def _needed_by_test(looked: ImportSearch, path: str) -> str:
    """What a new test of the template's needs and you have deleted; empty if nothing."""
    if path in looked.merge.ours or not _TEST.search(path):
        return ""
    whole = imports_at_once(looked.merged.read(path))
    return next((looked.deleted(e) for e in looked.broken(path) if e.line in whole), "")


def _rewritten(path: str, text: str, due: Iterable[_Due]) -> Rewrite:
    reason_of = {each.codemod: each.reason for each in due}
    text, used = applied(path, text, list(reason_of))
    reasons = [reason for codemod, reason in reason_of.items() if codemod in used]
    first, rest = tuple(reasons[:_FEW]), len(reasons) - _FEW
    return Rewrite(text, (*first, f"and {rest} more like it") if rest > 0 else first)


def _of_project(merge: Merge) -> frozenset[str]:
    return frozenset(
        path
        for path, entry in merge.merged.items()
        if path.endswith(SUFFIX) and entry.is_plain and entry != merge.theirs.get(path)
    )


def _followed(looked: ImportSearch, path: str, moves: Mapping[str, _Move]) -> Iterator[_Due]:
    """The renames without which an import of the file leads nowhere."""
    for each in looked.broken(path):
        for dotted in dict.fromkeys((each.target, each.module)):
            move = next((moves[file] for file in _files_of(dotted) if file in moves), None)
            if move is None:
                continue
            name = each.name if dotted == each.module else ""
            old, new = dotted.removeprefix("src."), module_name(move.new)
            if looked.merged.find(Import(new, name, each.line), path) in _THERE:
                whose = ("its", "your") if move.mine else ("your", "its")
                reason = f"{whose[0]} import of {old} follows {whose[1]} rename to {new}"
                yield _Due(ModuleRename(old, new), reason)
                break


def _moves(merge: Merge) -> dict[str, _Move]:
    """The modules that are elsewhere now: moved by a side, or placed into a folder that was."""
    found = {
        change.old: _Move(change.new, mine)
        for changes, mine in ((merge.template, False), (merge.yours, True))
        for change in changes
        if change.kind == "R" and change.old.endswith(SUFFIX) and change.new.endswith(SUFFIX)
    }
    found |= _placed(merge) if any(move.mine for move in found.values()) else {}
    found |= dict(_packages(found))
    return {
        old: move
        for old, move in found.items()
        if old not in merge.merged and move.new in merge.merged
    }


def _placed(merge: Merge) -> dict[str, _Move]:
    """What the template adds to a folder that the project has moved: git follows that."""
    arrived = {
        (entry.blob, PurePosixPath(path).name): path
        for path, entry in merge.merged.items()
        if path not in merge.theirs and path not in merge.ours
    }
    return {
        path: _Move(arrived[key], mine=True)
        for path, entry in merge.theirs.items()
        if path not in merge.merged and path.endswith(SUFFIX)
        if (key := (entry.blob, PurePosixPath(path).name)) in arrived
    }


def _packages(moves: Mapping[str, _Move]) -> Iterator[tuple[str, _Move]]:
    """The folders above what has moved, as far as they have the same names."""
    for old, move in moves.items():
        before, after = PurePosixPath(old), PurePosixPath(move.new)
        while before.name == after.name and before.parent.name and after.parent.name:
            before, after = before.parent, after.parent
            yield f"{before}/__init__.py", move._replace(new=f"{after}/__init__.py")


def _files_of(dotted: str) -> Iterator[str]:
    stem = dotted.replace(".", "/")
    for root in ("", "src/"):
        yield from (f"{root}{stem}.py", f"{root}{stem}/__init__.py")


# -- the commits of the merge ----------------------------------------------------------------------


class RewrittenSides(NamedTuple):
    """Base and theirs such that their merge has the rewritten files."""

    base: Tree
    theirs: Tree


def with_rewritten(merge: Merge, base: Tree, new: Mapping[str, TreeEntry | None]) -> RewrittenSides:
    """Put rewritten files into base and theirs; all paths are the repository's."""
    before, after = dict(base), dict(merge.theirs)
    mine = {change.new: change.old for change in merge.yours if change.kind == "R"}
    theirs_of = {change.old: change.new for change in merge.template if change.kind == "R"}
    placed = {move.new: old for old, move in _placed(merge).items()}
    for path, entry in new.items():
        if path in merge.ours:
            origin = mine.get(path, path)
            before.pop(origin, None)
            after.pop(theirs_of.get(origin, origin), None)
            before[path] = merge.ours[path]
        else:
            after.pop(placed.get(path, path), None)
            before |= _edited_elsewhere(path, merge, theirs_of)
        if entry:
            after[path] = entry
    return RewrittenSides(before, after)


def _edited_elsewhere(path: str, merge: Merge, theirs_of: Mapping[str, str]) -> Tree:
    """What the template renames to this path, as the project has it."""
    return {
        old: merge.ours[old]
        for old, renamed in theirs_of.items()
        if renamed == path and old in merge.ours
    }


def in_project(changes: Iterable[Change], prefix: str) -> tuple[Change, ...]:
    """The changes of a project in a folder of its repository, by paths that are relative to it."""
    return tuple(
        Change(each.kind, each.old.removeprefix(prefix), each.new.removeprefix(prefix))
        for each in changes
        if each.old.startswith(prefix) and each.new.startswith(prefix)
    )
