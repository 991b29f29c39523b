"""What an update leaves alone, decided before the merge.

A path is masked by making *base* and *theirs* agree on it: then the merge sees no change of the
template there, and what the user has stays.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bootstrap.project import questions
from bootstrap.project.template import Template
from bootstrap.project.trees import Change, ScratchRepository, Tree, TreeEntry


class Kept(StrEnum):
    """Why a change of the template does not arrive."""

    DELETED = "you deleted it"
    SEEDED = "it was seeded once, and is yours"
    IGNORED = "git ignores it here"
    LOCK = "your dependencies differ from the template's: it is locked again if it does not fit"


@dataclass(frozen=True)
class Masks:
    """What to leave alone: paths, and where the answers are, which are always the template's.

    `retired` locks go whatever is in them: another tool makes the project's locks now.
    `formatted` are files that the project has changed in their formatting alone, by their paths in
    base: what base is to have there, so that the change is the template's alone.
    """

    answers: str
    seeded: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    locks: frozenset[str] = frozenset()
    retired: frozenset[str] = frozenset()
    dependencies_edited: bool = False
    formatted: Mapping[str, TreeEntry] = field(default_factory=dict)


@dataclass(frozen=True)
class MaskedSides:
    """Base and theirs as they are merged, and what was kept although the template changes it.

    In the `formatted` files the project had changed its formatting, which gives way.
    """

    base: Tree
    theirs: Tree
    kept: Mapping[str, Kept]
    formatted: frozenset[str]


def seeded_once(scratch: ScratchRepository, source: Template, files: Tree) -> frozenset[str]:
    """The files that a template seeds once: Copier's `_skip_if_exists`."""
    patterns = questions.document(source.config).get("_skip_if_exists")
    return (
        scratch.matching(map(str, patterns), files) if isinstance(patterns, list) else frozenset()
    )


def apply_masks(
    base: Tree,
    theirs: Tree,
    ours: Tree,
    masks: Masks,
    *,
    template: Iterable[Change],
    yours: Iterable[Change],
) -> MaskedSides:
    """Mask base and theirs. `template` and `yours` are the changes of each side since base."""
    kept = _kept(base, ours, masks, yours)
    kept |= _renamed_away(kept, template)
    # Where theirs shall win, base is made equal to ours: then only the template has changed it.
    taken = _taken(base, theirs, ours, masks) - kept.keys()
    formatted = {path: masks.formatted[path] for path in masks.formatted.keys() - kept - taken}
    return MaskedSides(
        base=_with(base, {path: ours.get(path) for path in taken} | formatted),
        theirs=_with(theirs, {path: base.get(path) for path in kept}),
        kept={path: why for path, why in kept.items() if _missed(path, why, base, theirs)},
        formatted=frozenset(formatted),
    )


def _missed(path: str, why: Kept, base: Tree, theirs: Tree) -> bool:
    """Whether the template has a change that does not arrive."""
    gone_in_both = why is Kept.DELETED and path not in theirs
    return base.get(path) != theirs.get(path) and not gone_in_both


def _kept(base: Tree, ours: Tree, masks: Masks, yours: Iterable[Change]) -> dict[str, Kept]:
    deleted = {change.old for change in yours if change.kind == "D"}
    kept = dict.fromkeys(deleted, Kept.DELETED)
    if masks.dependencies_edited:
        kept |= dict.fromkeys((masks.locks - masks.retired) & ours.keys(), Kept.LOCK)
    kept |= dict.fromkeys(masks.seeded & (base.keys() | ours.keys()), Kept.SEEDED)
    return kept | dict.fromkeys(masks.ignored - ours.keys(), Kept.IGNORED)


def _renamed_away(kept: Mapping[str, Kept], template: Iterable[Change]) -> dict[str, Kept]:
    """What the template renamed: the new name is masked like the old one."""
    return {
        change.new: kept[change.old]
        for change in template
        if change.kind == "R" and change.old in kept and kept[change.old] is Kept.DELETED
    }


def _taken(base: Tree, theirs: Tree, ours: Tree, masks: Masks) -> frozenset[str]:
    locks = frozenset() if masks.dependencies_edited else masks.locks
    changed = {path for path in locks if base.get(path) != theirs.get(path) and path in ours}
    return frozenset({masks.answers} | changed | (masks.retired & ours.keys()))


def _with(tree: Tree, entries: Mapping[str, TreeEntry | None]) -> Tree:
    changed = {**tree, **entries}
    return {path: entry for path, entry in changed.items() if entry is not None}
