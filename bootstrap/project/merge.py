"""The update engine: a merge of what the template changed into what the project has become.

An update is the cherry-pick of a synthetic commit whose parent is *base* (the render that the
project came from) and whose tree is *theirs* (the render it shall be like). Git's own machinery for
renames, binaries and modes does the rest. Nothing here touches the repository.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from bootstrap.project import git, locks, masks, revisions, rewriting, syntax
from bootstrap.project.answers_file import ANSWERS
from bootstrap.project.broken_imports import BrokenImport, Merge, breaks
from bootstrap.project.codemods import Codemod, ModuleRename
from bootstrap.project.imports import SUFFIX
from bootstrap.project.labels import written_name
from bootstrap.project.masks import MaskedSides, Masks
from bootstrap.project.outcomes import (
    FileOutcome,
    Outcome,
    Sides,
    outcomes,
    with_notes,
    with_places,
)
from bootstrap.project.renamed import as_renamed
from bootstrap.project.rewriting import Rewrite
from bootstrap.project.trees import Change, Merged, ScratchRepository, Tree, TreeEntry


@dataclass(frozen=True)
class Renders:
    """The two renders, the paths that the template seeds once, and what it has renamed."""

    base: Tree
    theirs: Tree
    seeded: frozenset[str] = frozenset()
    codemods: Sequence[Codemod] = ()


@dataclass(frozen=True)
class Proposal:
    """An update that could be applied: its commit, the tree it leads to, and what that means.

    `before` and `after` are the trees of the two renders, with what the merge leaves alone too.
    """

    head: str
    before: str
    after: str
    theirs: str
    merged: str
    files: tuple[FileOutcome, ...]
    touched: frozenset[str]
    unmergeable: tuple[str, ...]
    broken_imports: tuple[BrokenImport, ...] = ()

    @property
    def conflicts(self) -> tuple[FileOutcome, ...]:
        return tuple(each for each in self.files if each.outcome is Outcome.CONFLICT)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.touched and not self.conflicts

    @property
    def counts(self) -> Mapping[str, int]:
        """The number of files by outcome."""
        found = [each.outcome for each in self.files]
        return {str(kind): found.count(kind) for kind in Outcome if kind in found}


class _Commit(NamedTuple):
    id: str
    files: Tree


class _Merged(NamedTuple):
    """A merge and its commits: the template as it was, as it is, and the project on top of it."""

    base: _Commit
    theirs: _Commit
    ours: _Commit
    result: Merged
    files: Tree
    complaints: Mapping[str, str]


def propose(scratch: ScratchRepository, renders: Renders, message: str) -> Proposal:
    """Merge the changes between the renders into what is checked out."""
    head = scratch.repository.head()
    here = _Commit(head, scratch.tree(head))
    before, after = (
        rendered_tree(scratch, files, here.files) for files in (renders.base, renders.theirs)
    )
    before, after = _with_revisions(scratch, before, after, here.files)
    named = as_renamed(scratch, before, after, here.files, head)
    masked = _mask(scratch, named.base, named.theirs, here, renders.seeded)
    made = _merge(scratch, masked.base, masked.theirs, here, message)
    template, yours = (scratch.changes(made.base.id, side.id) for side in (made.theirs, made.ours))
    made, rewrites = _rewrite(scratch, made, (template, yours), renders.codemods, message)
    sides = Sides(
        template=template,
        yours=yours,
        result=scratch.changes(made.ours.id, made.result.tree),
        conflicts=made.result.conflicts,
        kept=masked.kept,
        complaints=made.complaints,
        formatted=masked.formatted,
        newest=_newest(scratch, made),
    )
    changed = {path for change in sides.result for path in (change.old, change.new)}
    written = partial(written_name, scratch, ours=made.ours.id, theirs=made.theirs.id)
    notes = {path: each for path, each in named.notes.items() if path in changed}
    found = with_places(outcomes(sides), _places(renders.codemods, scratch.repository.prefix))
    files = _with_rewrites(found, notes, rewrites)
    return Proposal(
        head=head,
        before=scratch.write(before),
        after=scratch.write(after),
        theirs=made.theirs.id,
        merged=made.result.tree,
        files=tuple(replace(each, path=written(each.path)) for each in files),
        touched=frozenset(map(written, changed | sides.conflicts.keys())),
        unmergeable=tuple(made.complaints),
        broken_imports=breaks(scratch, _of_project(scratch, made, template, yours)).new,
    )


def _places(codemods: Iterable[Codemod], prefix: str) -> dict[str, str]:
    """The files of modules that are elsewhere now, by where they were."""
    return {
        f"{prefix}{each.old.replace('.', '/')}{SUFFIX}": f"{each.new.replace('.', '/')}{SUFFIX}"
        for each in codemods
        if isinstance(each, ModuleRename)
    }


def _newest(scratch: ScratchRepository, made: _Merged) -> tuple[str, ...]:
    """The newest revisions of the project, where git has a conflict of which it is."""
    if scratch.repository.prefix + revisions.HEAD not in made.result.conflicts:
        return ()
    return revisions.newest(revision_texts(scratch, made.ours.files)) or ()


def _rewrite(
    scratch: ScratchRepository,
    made: _Merged,
    changes: tuple[Sequence[Change], Sequence[Change]],
    codemods: Sequence[Codemod],
    message: str,
) -> tuple[_Merged, Mapping[str, Rewrite]]:
    """Merge again with what follows renames, by path; else leave the merge as it is."""
    prefix = scratch.repository.prefix
    project = _of_project(scratch, made, *changes)
    conflicts = {scratch.repository.path(path) for path in made.result.conflicts}
    found = rewriting.rewrites(scratch, project, conflicts, codemods)
    if not found:
        return made, {}
    entries = {
        prefix + path: made.files[prefix + path]._replace(
            blob=scratch.write_blob(each.text.encode())
        )
        if each.text is not None
        else None
        for path, each in found.items()
    }
    whole = Merge(made.ours.files, made.theirs.files, made.files, *changes)
    sides = rewriting.with_rewritten(whole, made.base.files, entries)
    here = made.ours._replace(id=scratch.repository.head())
    again = _merge(scratch, sides.base, sides.theirs, here, message)
    if not _differ_only_in(entries, made, again):
        return made, {}
    return again, {prefix + path: each for path, each in found.items()}


def _with_rewrites(
    files: Sequence[FileOutcome],
    notes: Mapping[str, Sequence[str]],
    rewrites: Mapping[str, Rewrite],
) -> tuple[FileOutcome, ...]:
    """The outcomes with what was rewritten, and with what was left out."""
    rewritten = {path: each.reasons for path, each in rewrites.items() if each.text is not None}
    left_out = [
        FileOutcome(path, "new", "", Outcome.KEPT, ", ".join(each.reasons))
        for path, each in rewrites.items()
        if each.text is None
    ]
    whole = (*with_notes(files, {**notes, **rewritten}), *left_out)
    return tuple(sorted(whole, key=lambda each: each.path))


def _differ_only_in(entries: Mapping[str, TreeEntry | None], made: _Merged, again: _Merged) -> bool:
    """Whether the second merge is the first with these entries; conflicts have commits in them."""
    conflicts = made.result.conflicts
    expected, found = (
        {path: entry for path, entry in files.items() if entry and path not in conflicts}
        for files in ({**made.files, **entries}, again.files)
    )
    return again.result.conflicts == conflicts and found == expected


def _of_project(
    scratch: ScratchRepository,
    made: _Merged,
    template: Sequence[Change],
    yours: Sequence[Change],
) -> Merge:
    """The project's files and changes in a merge, by paths that are relative to it."""
    prefix = scratch.repository.prefix
    ours, theirs, merged = (
        {p.removeprefix(prefix): entry for p, entry in tree.items() if p.startswith(prefix)}
        for tree in (made.ours.files, made.theirs.files, made.files)
    )
    changes = (rewriting.in_project(side, prefix) for side in (template, yours))
    return Merge(ours, theirs, merged, *changes)


def rendered_tree(scratch: ScratchRepository, files: Tree, whole: Tree) -> Tree:
    """A render at its place in the repository, with all other files as they are."""
    prefix = scratch.repository.prefix
    outside = {path: entry for path, entry in whole.items() if not path.startswith(prefix)}
    return {**outside, **{f"{prefix}{path}": entry for path, entry in files.items()}}


def _mask(
    scratch: ScratchRepository,
    base: Tree,
    theirs: Tree,
    here: _Commit,
    seeded: frozenset[str],
) -> MaskedSides:
    prefix, ours = scratch.repository.prefix, here.files
    before = scratch.write(base)
    template = scratch.changes(before, scratch.write(theirs))
    yours = scratch.changes(before, here.id)
    changed = {change.old for change in template}
    of_both = [each for each in yours if each.kind in "MR" and each.old in changed]
    what = Masks(
        answers=prefix + ANSWERS,
        seeded=frozenset(prefix + path for path in seeded),
        ignored=scratch.ignored({*base, *theirs} - ours.keys()),
        locks=frozenset(prefix + name for name in locks.LOCKS),
        retired=locks.retired(base, theirs, prefix),
        dependencies_edited=_dependencies_edited(scratch, base, ours),
        formatted={
            change.old: base[change.old]._replace(blob=ours[change.new].blob)
            for change in formatted_only(scratch, of_both, base, ours)
        },
    )
    return masks.apply_masks(base, theirs, ours, what, template=template, yours=yours)


def formatted_only(
    scratch: ScratchRepository, changes: Iterable[Change], before: Tree, after: Tree
) -> frozenset[Change]:
    """The changes that alter a file's text, but not its meaning."""
    pairs = {change: (before[change.old], after[change.new]) for change in changes}
    plain = {
        change: (one.blob, other.blob)
        for change, (one, other) in pairs.items()
        if one.is_plain and other.is_plain and one.blob != other.blob
    }
    texts = scratch.contents(blob for blobs in plain.values() for blob in blobs)
    return frozenset(
        change
        for change, (one, other) in plain.items()
        if syntax.same_content(change.new, texts[one], texts[other])
    )


def _with_revisions(
    scratch: ScratchRepository, base: Tree, theirs: Tree, ours: Tree
) -> tuple[Tree, Tree]:
    """Base and theirs, with the template's revisions at their places in the project."""
    texts = [revision_texts(scratch, tree) for tree in (base, theirs, ours)]
    found = revisions.arranged(*texts)
    if found is None:
        return base, theirs
    changed = {path: text for path, text in found.texts.items() if text != texts[1].get(path)}
    as_ours = {path: ours[path] for path in found.as_ours}
    placed = {
        path: scratch.file(text, like=theirs.get(path) or ours[path])
        for path, text in changed.items()
    }
    base, theirs = {**base, **as_ours}, {**theirs, **placed}
    head = scratch.repository.prefix + revisions.HEAD
    if head in ours:  # where base is as ours is, nobody but the template has a change
        base = {**base, head: ours[head]}
    if like := ours.get(head) or theirs.get(head):
        theirs = {**theirs, head: scratch.file(f"{found.head}\n", like=like)}
    return base, theirs


def revision_texts(scratch: ScratchRepository, tree: Tree) -> dict[str, str]:
    """The texts of a tree's revisions, by path."""
    place = re.compile(re.escape(scratch.repository.prefix + revisions.VERSIONS) + r"[^/]+\.py")
    texts = scratch.texts(tree, filter(place.fullmatch, tree))
    return {path: text.replace("\r\n", "\n") for path, text in texts.items()}


def own_locks(scratch: ScratchRepository, base: Tree, ours: Tree) -> frozenset[str]:
    """The locks that the project had to make itself: a render's lack what it asks for."""
    prefix = scratch.repository.prefix
    made = {prefix + name: name for name in locks.GROUPS}
    changed = frozenset(path for path in made if path in base and base[path] != ours.get(path))
    if not changed:
        return frozenset()
    texts = scratch.texts(base, (f"{prefix}pyproject.toml", *changed))
    asks = texts.pop(f"{prefix}pyproject.toml", "")
    found = {made[path]: text for path, text in texts.items()}
    return changed if locks.incomplete(asks, found) else frozenset()


def _dependencies_edited(scratch: ScratchRepository, base: Tree, ours: Tree) -> bool:
    name = f"{scratch.repository.prefix}pyproject.toml"
    if base.get(name) == ours.get(name):
        return bool(own_locks(scratch, base, ours))
    before, now = (scratch.texts(tree, [name]).get(name) for tree in (base, ours))
    return before is None or now is None or locks.dependencies_edited(before, now)


def _merge(
    scratch: ScratchRepository, base: Tree, theirs: Tree, here: _Commit, message: str
) -> _Merged:
    """Merge; repeat it without the files whose merged text would be invalid."""
    sides = _commits(scratch, base, theirs, here, message)
    _, new, ours = sides
    merged = scratch.merge(ours.id, new.id)
    files = scratch.tree(merged.tree)
    complaints = _complaints(scratch, ours.files, new.files, merged, files)
    if complaints:
        merged = scratch.merge(ours.id, new.id, complaints)
        files = scratch.tree(merged.tree)
    return _Merged(*sides, merged, files, complaints)


def _commits(
    scratch: ScratchRepository, before: Tree, after: Tree, here: _Commit, message: str
) -> tuple[_Commit, _Commit, _Commit]:
    """The commits of the merge: base, and theirs and ours on top of it."""
    who = git.identity(scratch.repository.top)  # a cherry-pick keeps its author
    base = scratch.commit(scratch.write(before), "The template as it was")
    theirs = scratch.commit(scratch.write(after), message, base, who=who)
    ours = scratch.commit(f"{here.id}^{{tree}}", "The project", base)
    return _Commit(base, before), _Commit(theirs, after), _Commit(ours, here.files)


def _complaints(
    scratch: ScratchRepository, ours: Tree, theirs: Tree, merged: Merged, files: Tree
) -> dict[str, str]:
    """What is wrong with merged texts that were valid on both sides."""
    sides = {*ours.values(), *theirs.values()}
    mixed = {
        path: entry
        for path, entry in files.items()
        if entry not in sides and path not in merged.conflicts
    }
    found = invalid(scratch, mixed)
    return {
        path: complaint
        for path, complaint in found.items()
        if not any(invalid(scratch, {path: tree[path]}) for tree in (ours, theirs) if path in tree)
    }


def invalid(scratch: ScratchRepository, tree: Tree) -> dict[str, str]:
    """What is wrong with the invalid files, by path."""
    known = {p: each.blob for p, each in tree.items() if each.is_plain and syntax.is_known(p)}
    contents = scratch.contents(known.values())
    complaints = {path: syntax.complaint(path, contents[blob]) for path, blob in known.items()}
    return {path: complaint for path, complaint in complaints.items() if complaint}
