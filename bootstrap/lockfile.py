"""Read a list of requirements: which packages it names, and which of them a Python needs.

What a list says in another way than `name==version` (a range, an address, a folder) has no answer
here: only pip can tell whether an environment has it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple, NewType

from bootstrap.versions import minor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from packaging.requirements import Requirement

PackageName = NewType("PackageName", str)

_LISTS = 16  # of each of them all is asked several times
METADATA = ("pyproject.toml", "setup.cfg", "setup.py")
_COMMENT = re.compile(r"(?:^|\s)#")
_OPTIONS = re.compile(r"\s--")
_INCLUDE = re.compile(r"(?:-r|--requirement)[ =]?\s*(\S+)")
_CONSTRAINT = re.compile(r"(?:-c|--constraint)[ =]?\s*(\S+)")
_EDITABLE = re.compile(r"(?:-e|--editable)[ =]?\s*(\S+)")
_LOCAL = re.compile(r"(?:file:|\.{1,2}(?:/|\[|$)|/|~/)\S*|\S+\.(?:whl|tar\.gz|zip)\b\S*")


class LockEntry(NamedTuple):
    """One package at one version, wanted where its PEP 508 marker holds (empty: everywhere)."""

    name: PackageName
    version: str
    marker: str = ""


class Line(NamedTuple):
    """What a line of a list of requirements is, and what it says, without comment and hashes."""

    kind: Literal["requirement", "editable", "local", "include", "constraint", "option", "other"]
    says: str


def normalize(name: str) -> PackageName:
    """PEP 503, as file names of installed distributions and locks spell names differently."""
    return PackageName(re.sub(r"[-_.]+", "-", name).lower())


def lines(text: str) -> Iterator[Line]:
    """Every line of a list of requirements that says something."""
    for line in _unparsed(text):
        is_other = line.kind == "requirement" and parsed(line.says) is None
        yield Line("other", line.says) if is_other else line


@lru_cache(maxsize=_LISTS)
def _unparsed(text: str) -> tuple[Line, ...]:
    """The same, but for whether what looks like a requirement is one."""
    joined = re.sub(r"[ \t]*\\\r?\n[ \t]*", " ", text)
    bare = (line.strip().removeprefix("\ufeff") for line in joined.splitlines())
    stated = (_COMMENT.split(line, maxsplit=1)[0].strip() for line in bare)
    return tuple(_line(said) for said in stated if said)


def _line(said: str) -> Line:
    if said.startswith("-"):
        return _option(said)
    stated = _OPTIONS.split(said, maxsplit=1)[0].strip()
    return Line("local" if _LOCAL.fullmatch(stated) else "requirement", stated)


def _option(said: str) -> Line:
    if match := _INCLUDE.match(said):
        return Line("include", match[1].strip("'\""))
    if match := _CONSTRAINT.match(said):
        return Line("constraint", match[1].strip("'\""))
    if match := _EDITABLE.match(said):
        return Line("editable", match[1].strip("'\""))
    return Line("option", said)


@lru_cache(maxsize=1024)
def parsed(stated: str) -> Requirement | None:
    """A requirement of PEP 508; None where it is none."""
    from packaging.requirements import (  # noqa: PLC0415 - 40 ms, where the quick check does without
        InvalidRequirement,
        Requirement,
    )

    try:
        return Requirement(stated)
    except InvalidRequirement:
        return None


def requirements(text: str) -> Iterator[Requirement]:
    """The requirements in a file of pip's, without comments, options and hashes."""
    for line in lines(text):
        if line.kind == "requirement" and (requirement := parsed(line.says)):
            yield requirement


@lru_cache(maxsize=_LISTS)
def pip_entries(text: str) -> tuple[LockEntry, ...]:
    """The requirements that are pinned to one version."""
    return tuple(
        LockEntry(normalize(each.name), version, str(each.marker or ""))
        for each in requirements(text)
        if (version := _exact(each))
    )


def is_exact(texts: Iterable[str]) -> bool:
    """Whether every package is named with its one version, so that a list says it all."""
    return all(map(_is_exact_text, texts))


@lru_cache(maxsize=_LISTS)
def _is_exact_text(text: str) -> bool:
    return all(map(_is_exact_line, lines(text)))


def _is_exact_line(line: Line) -> bool:
    if line.kind != "requirement":
        return line.kind in {"include", "constraint", "option"}
    requirement = parsed(line.says)
    return requirement is not None and bool(_exact(requirement))


def surely_asks(texts: Iterable[str]) -> bool:
    """Whether a package is named for every Python; that needs no parser to be seen."""
    return any(
        line.kind == "requirement" and ";" not in line.says
        for text in texts
        for line in _unparsed(text)
    )


def names(texts: Iterable[str]) -> frozenset[PackageName]:
    """The packages that a list names itself, whichever versions it allows."""
    return frozenset(normalize(each.name) for text in texts for each in requirements(text))


def entries(path: Path) -> tuple[LockEntry, ...]:
    """The packages at exact versions of a list of requirements, and of those it includes."""
    return tuple(entry for text in texts_of(path) for entry in pip_entries(text))


def texts_of(path: Path) -> tuple[str, ...]:
    """A list of requirements, and those it includes."""
    return tuple(_text(file) for file in files(path))


def files(path: Path) -> tuple[Path, ...]:
    """A requirements file, and those it includes; a constraint installs nothing, and is none."""
    return tuple(_closure(path, {"include"}))


def inputs(path: Path) -> tuple[Path, ...]:
    """All that the result of installing it depends on: also constraints, and folders' metadata."""
    found = list(_closure(path, {"include", "constraint"}))
    for file in tuple(found):
        found += metadata_named(_text(file), file.parent)
    return tuple(dict.fromkeys(found))


def metadata_named(text: str, folder: Path) -> Iterator[Path]:
    """What packages in folders need, where a list that lies in `folder` names them."""
    for line in _unparsed(text):
        if line.kind in {"editable", "local"}:
            yield from metadata_files(folder / re.split(r"[\[;#]", line.says)[0].strip())


def cycle(path: Path) -> tuple[Path, ...]:
    """Lists that include each other in a circle, the first of them twice; empty where none do."""
    return _cycle(path.resolve(), ())


def _cycle(path: Path, above: tuple[Path, ...]) -> tuple[Path, ...]:
    if path in above:
        return (*above[above.index(path) :], path)
    said = (line.says for line in lines(_text(path)) if line.kind in {"include", "constraint"})
    included = ((path.parent / name).resolve() for name in said)
    found = (_cycle(at, (*above, path)) for at in included if at.is_file())
    return next((each for each in found if each), ())


def metadata_files(folder: Path) -> tuple[Path, ...]:
    """Where a package in a folder says what it needs."""
    return tuple(folder / name for name in METADATA if (folder / name).is_file())


def _closure(path: Path, kinds: set[str]) -> dict[Path, None]:
    found: dict[Path, None] = {path: None}
    waiting = [path]
    while waiting:
        file = waiting.pop()
        said = (line.says for line in _unparsed(_text(file)) if line.kind in kinds)
        included = [file.parent / name for name in said]
        fresh = [at for at in included if at not in found and at.is_file()]
        found |= dict.fromkeys(fresh)
        waiting += fresh
    return found


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def wanted(locked: tuple[LockEntry, ...], python: str) -> dict[PackageName, str]:
    """The packages whose marker holds for `python` on this machine, with their versions."""
    from packaging.markers import Marker  # noqa: PLC0415 - as above

    target = _environment(python)
    return {
        entry.name: entry.version
        for entry in locked
        if not entry.marker or Marker(entry.marker).evaluate(target)
    }


def is_wanted(requirement: Requirement, python: str) -> bool:
    """Whether its marker holds for `python` on this machine."""
    return requirement.marker is None or requirement.marker.evaluate(_environment(python))


def is_met(requirement: Requirement, locked: Mapping[PackageName, str]) -> bool:
    """Whether one of these versions is allowed; any is, where an address says which it is."""
    from packaging.version import InvalidVersion  # noqa: PLC0415 - as above

    version = locked.get(normalize(requirement.name))
    if version is None or requirement.url:
        return version is not None
    try:
        return requirement.specifier.contains(version, prereleases=True)
    except InvalidVersion:
        return True


def _environment(python: str) -> dict[str, str]:
    """What a marker of PEP 508 is evaluated in."""
    return {
        "python_full_version": python,
        "python_version": minor(python),
        "implementation_version": python,
        "extra": "",
    }


def _exact(requirement: Requirement) -> str:
    versions = [each.version for each in requirement.specifier if each.operator == "=="]
    single = len(requirement.specifier) == len(versions) == 1 and requirement.url is None
    return versions[0] if single and not versions[0].endswith(".*") else ""
