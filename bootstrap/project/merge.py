"""The update engine: a merge of what the template changed into what the project has become.

An update is the cherry-pick of a synthetic commit whose parent is *base* (the render that the
project came from) and whose tree is *theirs* (the render it shall be like). Git's own machinery for
renames, binaries and modes does the rest. Nothing here touches the repository.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bootstrap.project import dependencies, formatting, history, parsing, revisions
from bootstrap.project.masks import Masks, Settled, settle
from bootstrap.project.outcomes import FileOutcome, Outcome, Sides, outcomes
from bootstrap.project.trees import Change, Merged, ScratchRepository, Tree, TreeEntry

ANSWERS = ".copier-answers.yml"


@dataclass(frozen=True)
class Renders:
    """The two renders, and which paths the template seeds once and never touches again."""

    base: Tree
    theirs: Tree
    seeded: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Proposal:
    """An update that could be applied: its commit, the tree it leads to, and what that means.

    `before` and `after` are the trees of the two renders, with what the merge leaves alone too.
    `drifted` is how many of the template's files the project has changed since base.
    """

    head: str
    before: str
    after: str
    theirs: str
    merged: str
    files: tuple[FileOutcome, ...]
    touched: frozenset[str]
    unmergeable: tuple[str, ...]
    drifted: int

    @property
    def conflicts(self) -> tuple[FileOutcome, ...]:
        """The files that a person has to settle."""
        return tuple(each for each in self.files if each.outcome is Outcome.CONFLICT)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.touched and not self.conflicts

    @property
    def counts(self) -> Mapping[str, int]:
        """How many files each outcome has."""
        found = [each.outcome for each in self.files]
        return {str(kind): found.count(kind) for kind in Outcome if kind in found}


@dataclass(frozen=True)
class _Offered:
    """The two renders at their place in the repository, the ids of those trees, and yours."""

    base: Tree
    theirs: Tree
    ours: Tree
    before: str
    after: str


@dataclass(frozen=True)
class _Commits:
    """The three commits of a merge; ours is what is checked out, on top of base."""

    base: str
    theirs: str
    ours: str


def propose(scratch: ScratchRepository, renders: Renders, message: str) -> Proposal:
    """Merge what changed between the renders into what is checked out."""
    repository = scratch.repository
    head = repository.head()
    offered = _offered(scratch, head, renders)
    settled = _settle(scratch, head, offered, renders.seeded)
    commits = _commits(scratch, head, settled, message)
    merged, complaints = _merge(scratch, commits, offered.ours, settled.theirs)
    result = scratch.changes(commits.ours, merged.tree)
    sides = Sides(
        template=scratch.changes(commits.base, commits.theirs),
        yours=scratch.changes(commits.base, commits.ours),
        result=result,
        conflicts=merged.conflicts,
        kept=settled.kept,
        complaints=complaints,
        formatted=settled.formatted,
    )
    return Proposal(
        head=head,
        before=offered.before,
        after=offered.after,
        theirs=commits.theirs,
        merged=merged.tree,
        files=outcomes(sides),
        touched=_paths(result) | merged.conflicts.keys(),
        unmergeable=tuple(complaints),
        drifted=sum(change.kind != "A" for change in sides.yours),
    )


def _paths(changes: Iterable[Change]) -> frozenset[str]:
    return frozenset(path for change in changes for path in (change.old, change.new))


def rendered_tree(scratch: ScratchRepository, files: Tree, outside: Tree) -> Tree:
    """A render at its place in the repository, with everything outside the project as it is."""
    prefix = scratch.repository.prefix
    return {**outside, **{f"{prefix}{path}": entry for path, entry in files.items()}}


def outside_of(prefix: str, tree: Tree) -> Tree:
    """What of a repository's tree is not the project's."""
    return {path: entry for path, entry in tree.items() if not path.startswith(prefix)}


def _offered(scratch: ScratchRepository, head: str, renders: Renders) -> _Offered:
    ours = scratch.tree(head)
    outside = outside_of(scratch.repository.prefix, ours)
    base = rendered_tree(scratch, renders.base, outside)
    theirs = rendered_tree(scratch, renders.theirs, outside)
    base, theirs = _with_revisions(scratch, base, theirs, ours)
    return _Offered(base, theirs, ours, scratch.write(base), scratch.write(theirs))


def _settle(
    scratch: ScratchRepository, head: str, offered: _Offered, seeded: frozenset[str]
) -> Settled:
    prefix = scratch.repository.prefix
    base, theirs, ours = offered.base, offered.theirs, offered.ours
    template, yours = (scratch.changes(offered.before, side) for side in (offered.after, head))
    masks = Masks(
        answers=prefix + ANSWERS,
        seeded=frozenset(prefix + path for path in seeded),
        ignored=scratch.ignored({*base, *theirs} - ours.keys()),
        locks=frozenset(prefix + name for name in dependencies.LOCKS),
        dependencies_edited=_dependencies_edited(scratch, base, ours),
        formatted=_formatted(scratch, base, ours, _of_both(template, yours)),
    )
    return settle(base, theirs, ours, masks, template=template, yours=yours)


def _of_both(template: Iterable[Change], yours: Iterable[Change]) -> list[Change]:
    """Your changes of files that the template changes too."""
    paths = {change.old for change in template}
    return [change for change in yours if change.kind in "MR" and change.old in paths]


def _formatted(
    scratch: ScratchRepository, base: Tree, ours: Tree, changes: Iterable[Change]
) -> dict[str, TreeEntry]:
    """Those of the files that differ in formatting alone: base with the text of ours."""
    return {
        change.old: base[change.old]._replace(blob=ours[change.new].blob)
        for change in formatted_only(scratch, changes, base, ours)
    }


def formatted_only(
    scratch: ScratchRepository, changes: Iterable[Change], before: Tree, after: Tree
) -> frozenset[Change]:
    """Those after which a file has another text, which says the same."""
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
        if formatting.same(change.new, texts[one], texts[other])
    )


def _with_revisions(
    scratch: ScratchRepository, base: Tree, theirs: Tree, ours: Tree
) -> tuple[Tree, Tree]:
    """Base and theirs, with the template's revisions at their places in the project."""
    prefix = scratch.repository.prefix
    head = prefix + revisions.HEAD
    texts = revision_texts(scratch, base, theirs, ours)
    found = revisions.arranged(*texts)
    if found is None or head not in ours:
        return base, theirs
    changed = {path: text for path, text in found.texts.items() if text != texts[1].get(path)}
    as_ours = {path: ours[path] for path in found.as_ours}
    placed = {
        path: scratch.file(text, like=theirs.get(path) or ours[path])
        for path, text in changed.items()
    }
    newest = scratch.file(f"{found.head}\n", like=ours[head])
    # Where base is as ours is, nobody but the template has a change.
    return {**base, **as_ours, head: ours[head]}, {**theirs, **placed, head: newest}


def revision_texts(scratch: ScratchRepository, *trees: Tree) -> list[dict[str, str]]:
    """The texts of each tree's revisions, by their paths."""
    place = re.compile(re.escape(scratch.repository.prefix + revisions.VERSIONS) + r"[^/]+\.py")
    found = [
        {path: each.blob for path, each in tree.items() if place.fullmatch(path)} for tree in trees
    ]
    contents = scratch.contents(blob for files in found for blob in files.values())
    texts = {
        blob: content.decode("utf-8", "replace").replace("\r\n", "\n")
        for blob, content in contents.items()
    }
    return [{path: texts[blob] for path, blob in files.items()} for files in found]


def _dependencies_edited(scratch: ScratchRepository, base: Tree, ours: Tree) -> bool:
    name = f"{scratch.repository.prefix}pyproject.toml"
    before, now = base.get(name), ours.get(name)
    if before is None or now is None:
        return before != now
    return before != now and dependencies.edited(scratch.read(before.blob), scratch.read(now.blob))


def _commits(scratch: ScratchRepository, head: str, settled: Settled, message: str) -> _Commits:
    who, _ = history.identity(scratch.repository.top)  # a cherry-pick keeps its author
    base = scratch.commit(scratch.write(settled.base), "The template as it was")
    theirs = scratch.commit(scratch.write(settled.theirs), message, base, who=who)
    return _Commits(base, theirs, scratch.commit(f"{head}^{{tree}}", "The project", base))


def _merge(
    scratch: ScratchRepository, commits: _Commits, ours: Tree, theirs: Tree
) -> tuple[Merged, Mapping[str, str]]:
    """The merge, made again without the files whose merged text would not be valid."""
    merged = scratch.merge(commits.ours, commits.theirs)
    complaints = _complaints(scratch, ours, theirs, merged)
    if complaints:
        merged = scratch.merge(commits.ours, commits.theirs, complaints)
    return merged, complaints


def _complaints(
    scratch: ScratchRepository, ours: Tree, theirs: Tree, merged: Merged
) -> dict[str, str]:
    """What is wrong with texts that merged cleanly, where both sides had a valid one."""
    sides = {*ours.values(), *theirs.values()}
    mixed = {
        path: entry
        for path, entry in scratch.tree(merged.tree).items()
        if entry not in sides and path not in merged.conflicts
    }
    found = invalid(scratch, mixed)
    return {
        path: said
        for path, said in found.items()
        if not any(invalid(scratch, {path: tree[path]}) for tree in (ours, theirs) if path in tree)
    }


def invalid(scratch: ScratchRepository, tree: Tree) -> dict[str, str]:
    """What is wrong with each file that is not valid."""
    plain = {path: each.blob for path, each in tree.items() if each.is_plain}
    known = {path: blob for path, blob in plain.items() if parsing.is_known(path)}
    texts = scratch.contents(known.values())
    told = {path: parsing.complaint(path, texts[blob]) for path, blob in known.items()}
    return {path: said for path, said in told.items() if said}
