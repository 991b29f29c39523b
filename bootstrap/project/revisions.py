"""A project's migrations in an update: what the template brings comes after what is there.

A database knows nothing but its newest revision. One that is put below that would never run there,
so the revisions of a project keep their places, and new ones are put on top, whatever the order in
which the template has them.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, count
from typing import NamedTuple

from bootstrap.revision import Revision, heads_of, parse_revision, with_value

VERSIONS = "migrate/versions/"
HEAD = "migrate/HEAD"

Texts = Mapping[str, str]  # by path
_IDENTITY = re.compile(r"^Revision ID:.*$", re.MULTILINE)
_REVISES = re.compile(r"^Revises:.*$", re.MULTILINE)


@dataclass(frozen=True)
class RevisionFile(Revision):
    """A revision, and its file in `migrate/versions`."""

    path: str
    text: str


class Arranged(NamedTuple):
    """What the template's revisions are to be in a project, and the newest of all.

    At the paths `as_ours` the project has changed nothing but places and ids, or only its place
    changes now: there base is to be what the project has, so that the change is the template's.
    """

    texts: Texts
    as_ours: frozenset[str]
    head: str


def arranged(base: Texts, theirs: Texts, ours: Texts) -> Arranged | None:
    """Arrange the revisions of `theirs` for the project; all are texts by their paths.

    None where the project has no single newest revision, or where a file does not say which it is:
    then nothing is known to be better than what the template has.
    """
    before, after, here = (_parsed(texts) for texts in (base, theirs, ours))
    if before is None or after is None or here is None:
        return None
    gone = {each.id: each for path, each in here.items() if path in before and path not in after}
    stay = {path: each for path, each in here.items() if each.id not in gone}
    lowered = {path: _after(each, _lowered(each, gone)) for path, each in stay.items()}
    heads = heads_of(lowered.values())
    if len(heads) != 1:
        return None
    (head,) = heads
    unedited = {path for path in before.keys() & here if _is_moved(before[path], here[path])}
    moved = {path: each for path, each in lowered.items() if each != here[path]}
    placed = {
        path: _placed_like((lowered if path in unedited else before)[path], after[path])
        for path in before.keys() & after
    }
    placed |= {path: each for path, each in moved.items() if path not in unedited}
    taken = {each.id for each in lowered.values()}
    for each in _in_order(after[path] for path in after.keys() - before.keys() - here.keys()):
        placed[each.path] = _after(_named(each, _free(each.id, taken)), (head,))
        head = placed[each.path].id
        taken.add(head)
    texts = {path: each.text for path, each in placed.items()}
    return Arranged(texts, frozenset(unedited | moved.keys()), head)


def newest(texts: Texts) -> tuple[str, ...] | None:
    """The newest revisions; None where a file does not say which it is."""
    parsed = _parsed(texts)
    return None if parsed is None else heads_of(parsed.values())


def _is_moved(base: RevisionFile, mine: RevisionFile) -> bool:
    """Whether the project has what was rendered, at whatever place and with whatever id."""
    return _placed_like(base, mine).text == base.text


def _placed_like(model: RevisionFile, each: RevisionFile) -> RevisionFile:
    return _after(_named(each, model.id), model.parents)


def _free(name: str, taken: Collection[str]) -> str:
    """An id that no other revision has: people also count theirs 0001, 0002."""
    numbered = (f"{name}_{number}" for number in count(1))
    return next(each for each in chain((name,), numbered) if each not in taken)


def _lowered(each: RevisionFile, gone: Mapping[str, RevisionFile]) -> tuple[str, ...]:
    """The parents of a revision once those that are `gone` are taken out of the chain."""
    below: dict[str, None] = {}
    for parent in each.parents:
        below |= dict.fromkeys(_lowered(gone[parent], gone) if parent in gone else (parent,))
    return tuple(below)


def _parsed(texts: Texts) -> dict[str, RevisionFile] | None:
    found = {path: _parse(path, text) for path, text in texts.items()}
    known = {path: each for path, each in found.items() if each is not None}
    return known if len(known) == len(found) else None


def _parse(path: str, text: str) -> RevisionFile | None:
    revision = parse_revision(text)
    # Only where something is assigned can it be given other parents.
    if revision is None or with_value(text, "down_revision", "None") is None:
        return None
    return RevisionFile(revision.id, revision.parents, path, text)


def _named(each: RevisionFile, name: str) -> RevisionFile:
    text = with_value(each.text, "revision", f'"{name}"') if name != each.id else None
    if text is None:
        return each
    return replace(each, id=name, text=_IDENTITY.sub(f"Revision ID: {name}", text, count=1))


def _after(each: RevisionFile, parents: tuple[str, ...]) -> RevisionFile:
    names = [f'"{name}"' for name in parents]
    literal = f"({', '.join(names)})" if len(names) > 1 else "".join(names) or "None"
    text = with_value(each.text, "down_revision", literal) if parents != each.parents else None
    if text is None:
        return each
    revises = f"Revises: {', '.join(parents)}".rstrip()
    return replace(each, parents=parents, text=_REVISES.sub(revises, text, count=1))


def _in_order(revisions: Iterable[RevisionFile]) -> Iterator[RevisionFile]:
    """Each revision after its parents."""
    left = {each.id: each for each in revisions}
    while left:
        free = [each for each in left.values() if not left.keys() & set(each.parents)]
        if not free:  # a circle: no order is right, and `migrate check` says so
            free = list(left.values())
        for each in sorted(free, key=lambda each: each.path):
            del left[each.id]
            yield each
