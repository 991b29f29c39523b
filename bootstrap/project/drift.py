"""How a project differs from what its template rendered, and which of that is accepted."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from bootstrap.errors import UsageError
from bootstrap.language import Said
from bootstrap.project import evidence
from bootstrap.project.evidence import Doubt
from bootstrap.project.merge import formatted_only, own_locks, rendered_tree
from bootstrap.project.trees import Change, ScratchRepository, Tree, scratch_repository
from bootstrap.project.update import Project, Target, rendered_base, rendered_target

EXCEPTIONS = ".headstart/drift.yml"
_KINDS = {"D": "deleted", "M": "edited", "R": "moved", "T": "edited"}


@dataclass(frozen=True)
class Exemption:
    """An accepted difference: where, why, and until when (None: permanently)."""

    path: str
    reason: str
    until: date | None = None


@dataclass(frozen=True)
class Drifted:
    """One file that differs: how, since which commit, and whether that is accepted."""

    path: str
    how: str
    commit: str = ""
    author: str = ""
    date: str = ""
    subject: str = ""
    template_changes_it: bool = False
    accepted: str = ""
    note: str = ""


@dataclass(frozen=True)
class Drift:
    """All files that differ from the render of `version`: the trees `before` and `now`.

    Those that are `formatted` otherwise, and differ in nothing else, are not among them.
    """

    version: str
    before: str
    now: str
    files: tuple[Drifted, ...]
    formatted: tuple[str, ...] = ()
    doubt: Doubt | None = None

    @property
    def unaccepted(self) -> tuple[Drifted, ...]:
        return tuple(each for each in self.files if not each.accepted)


@dataclass(frozen=True)
class Difference:
    """The project's files on disk beside its render: trees, and what differs between them."""

    base: Tree
    here: Tree
    head: Tree
    changes: tuple[Change, ...]
    formatted: tuple[str, ...]


def difference(scratch: ScratchRepository, rendered: Tree) -> Difference:
    """Compare the project with its render: what `drift`, `status` and `fleet` say comes from it."""
    head = scratch.tree("HEAD")
    base = rendered_tree(scratch, rendered, head)
    here = scratch.work_tree()
    base = {**base, **{path: here[path] for path in own_locks(scratch, base, here) & here.keys()}}
    every = scratch.changes(scratch.write(base), scratch.write(here))
    changes, formatted = _split_formatted(scratch, every, base, here)
    return Difference(base, here, head, changes, formatted)


@contextmanager
def measured(
    project: Project, to: Target, today: date
) -> Iterator[tuple[ScratchRepository, Drift]]:
    """Measure the drift, and which of it the target changes too."""
    accepted = exemptions(project.path)
    with scratch_repository(project.repository) as scratch:
        rendered = rendered_base(scratch, project)
        found = difference(scratch, rendered)
        theirs = found.base
        if to.template.version != project.version:
            target = rendered_target(scratch, project, to, rendered)
            theirs = rendered_tree(scratch, target, found.head)
        before, now = scratch.write(found.base), scratch.write(found.here)
        moving = {change.old for change in scratch.changes(before, scratch.write(theirs))}
        files = tuple(
            _since(scratch, change, found, template_changes_it=change.old in moving)
            for change in found.changes
        )
        doubt = evidence.doubt(scratch, project.version)
        judgement = judged(files, accepted, today)
        yield scratch, Drift(project.version, before, now, judgement, found.formatted, doubt)


def _split_formatted(
    scratch: ScratchRepository, changes: Iterable[Change], base: Tree, here: Tree
) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """Split the changes: those of content, and the paths that differ only in formatting."""
    repository = scratch.repository
    mine = [each for each in changes if each.kind != "A" and each.old.startswith(repository.prefix)]
    edited = (each for each in mine if each.kind == "M")
    same_mode = (each for each in edited if base[each.old].mode == here[each.new].mode)
    formatted = formatted_only(scratch, same_mode, base, here)
    paths = sorted(repository.path(change.new) for change in formatted)
    return tuple(change for change in mine if change not in formatted), tuple(paths)


def judged(
    files: Iterable[Drifted], exemptions: Iterable[Exemption], today: date
) -> tuple[Drifted, ...]:
    """Mark accepted files with the reason, and those whose acceptance is over with a note."""
    known = tuple(exemptions)
    return tuple(_judged(each, known, today) for each in files)


def exemptions(project: Path) -> tuple[Exemption, ...]:
    """Read what the project's `.headstart/drift.yml` accepts."""
    path = project / EXCEPTIONS
    if not path.is_file():
        return ()
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    except (ValueError, yaml.YAMLError) as error:
        raise _unusable(" ".join(str(error).split())) from error
    if not isinstance(content, list):
        raise _unusable(Said("it must be a list"))
    return tuple(_exemption(number, each) for number, each in enumerate(content, 1))


def _exemption(number: int, stated: object) -> Exemption:
    if not isinstance(stated, dict) or not {"path", "reason"} <= stated.keys():
        raise _unusable(Said("entry {number} does not say path and reason", number=number))
    if unknown := stated.keys() - {"path", "reason", "until"}:
        raise _unusable(
            Said(
                "entry {number} has unknown keys: {names}",
                number=number,
                names=", ".join(sorted(unknown)),
            )
        )
    until = stated.get("until")
    if until is not None and not isinstance(until, date):
        raise _unusable(
            Said("entry {number}: until is not a date such as 2027-03-31", number=number)
        )
    return Exemption(str(stated["path"]), str(stated["reason"]), until)


def _judged(each: Drifted, known: tuple[Exemption, ...], today: date) -> Drifted:
    for exemption in known:
        if fnmatchcase(each.path, exemption.path):
            if exemption.until is None or exemption.until >= today:
                return replace(each, accepted=exemption.reason)
            return replace(
                each, note=Said("accepted until {until}, which has passed", until=exemption.until)
            )
    return each


def _since(
    scratch: ScratchRepository, change: Change, found: Difference, *, template_changes_it: bool
) -> Drifted:
    repository = scratch.repository
    moved = f"from {repository.path(change.old)}" if change.kind == "R" else ""
    commit, author, day, subject = _commit(scratch, change, found)
    return Drifted(
        *(repository.path(change.new), _KINDS[change.kind], commit, author, day, subject),
        template_changes_it=template_changes_it,
        note=moved,
    )


def _commit(
    scratch: ScratchRepository, change: Change, found: Difference
) -> tuple[str, str, str, str]:
    """The last commit of a file, who made it, when and why; empty for edits that are in none."""
    paths = (change.new, change.old)
    if any(found.here.get(path) != found.head.get(path) for path in paths):
        return "", "", "", ""
    words = ("log", "-1", "--format=%h%x00%an%x00%as%x00%s", "HEAD", "--", *paths)
    logged = scratch.repository.git(*words).split("\0")
    # Nothing is logged of a file that the project never had.
    commit, author, day, subject = logged if len(logged) == 4 else ("", "", "", "")  # noqa: PLR2004
    return commit, author, day, subject


def _unusable(why: str) -> UsageError:
    example = "- {path: Makefile, reason: our own deploy target, until: 2027-03-31}"
    return UsageError(
        Said("{exceptions} cannot be used.", exceptions=EXCEPTIONS),
        why=(why,),
        next=(Said("write: {example}", example=example),),
    )
