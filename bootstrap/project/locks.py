"""Whether a lock has what a project asks for, and how two locks differ. Nothing is installed.

What pip reads is understood, a requirement with an exact version and its hashes on each line, and
the tables of Poetry's and uv's locks.
"""

import tomllib
from collections.abc import Container, Iterator, Mapping
from typing import NamedTuple

from packaging.requirements import Requirement

from bootstrap.lockfile import normalize, requirements

LOCKS = ("requirements.lock", "requirements-dev.lock", "poetry.lock", "uv.lock")
# What `make lock` of a project locks: its own dependencies, and with a group the developer's.
GROUPS: dict[str, str | None] = {
    "requirements.lock": None,
    "requirements-dev.lock": "dev",
    "poetry.lock": "dev",
    "uv.lock": "dev",
}
# A lock that the first `up` makes is in no render; this is, where it is made.
_MADE_FROM = {"uv.lock": "constraints.txt"}

Locked = Mapping[str, tuple[Requirement, ...]]


class PackageChange(NamedTuple):
    """A package's locked version before and after; empty where it is not locked."""

    name: str
    before: str
    after: str


def retired(base: Container[str], theirs: Container[str], prefix: str = "") -> frozenset[str]:
    """The locks of an installer that the template no longer asks for."""
    return frozenset(
        prefix + name
        for name in LOCKS
        if (sign := prefix + _MADE_FROM.get(name, name)) in base and sign not in theirs
    )


def unmet(pyproject: str, lock: str, group: str | None = None) -> tuple[str, ...]:
    """What the project, and a group of its developers, asks for and the lock does not have.

    Where markers divide a package between several versions, it is enough that one of them fits.
    Raises ValueError where the project's file cannot be read.
    """
    locked = _locked(lock)
    return tuple(
        str(wanted)
        for wanted in dict.fromkeys(_wanted(pyproject, group))
        if not any(_fits(wanted, each) for each in locked.get(normalize(wanted.name), ()))
    )


def incomplete(pyproject: str, texts: Mapping[str, str]) -> bool:
    """Whether one of a render's own locks lacks what it asks for, as an index alone knows it."""
    try:
        return any(unmet(pyproject, text, GROUPS[name]) for name, text in texts.items())
    except ValueError:
        return False


def changes(before: str, after: str) -> tuple[PackageChange, ...]:
    """Compare two locks; the changed packages by name."""
    old, new = _locked(before), _locked(after)
    found = [PackageChange(n, _versions(old, n), _versions(new, n)) for n in sorted({*old, *new})]
    return tuple(each for each in found if each.before != each.after)


def _wanted(pyproject: str, group: str | None) -> Iterator[Requirement]:
    document = tomllib.loads(pyproject)
    for text in document.get("project", {}).get("dependencies", []):
        yield Requirement(text)
    if group is not None:
        yield from _grouped(document.get("dependency-groups", {}), group, frozenset())


def _grouped(
    groups: Mapping[str, list[object]], name: str, above: frozenset[str]
) -> Iterator[Requirement]:
    """A group's requirements, with those of the groups that it includes (PEP 735)."""
    for each in groups.get(name, []) if name not in above else []:
        if isinstance(each, str):
            yield Requirement(each)
        elif isinstance(each, dict) and isinstance(each.get("include-group"), str):
            yield from _grouped(groups, each["include-group"], above | {name})


def _fits(wanted: Requirement, locked: Requirement) -> bool:
    if wanted.url or locked.url:
        return wanted.url == locked.url
    versions = [each.version for each in locked.specifier]
    return all(wanted.specifier.contains(version, prereleases=True) for version in versions)


def _locked(lock: str) -> Locked:
    found: dict[str, list[Requirement]] = {}
    for requirement in _packages(lock) if "[[package]]" in lock else requirements(lock):
        found.setdefault(normalize(requirement.name), []).append(requirement)
    return {name: tuple(entries) for name, entries in found.items()}


def _packages(lock: str) -> Iterator[Requirement]:
    """The packages in a lock of tables, but for the project itself; none where it is damaged."""
    try:
        tables = tomllib.loads(lock).get("package", [])
    except tomllib.TOMLDecodeError:
        return
    for each in tables:
        if "virtual" not in each.get("source", {}):
            yield Requirement(f"{each['name']}=={each['version']}")


def _versions(locked: Locked, name: str) -> str:
    stated = {each.url or str(each.specifier).lstrip("=") for each in locked.get(name, ())}
    return ", ".join(sorted(stated))


# -- whether a project asks for other packages than its template -----------------------------------


def dependencies_edited(template: str, project: str, group: str | None = "dev") -> bool:
    """Whether two texts of pyproject.toml ask for different packages, with groups or without."""
    if "\ufffd" in template + project:  # decoded from what is not UTF-8: it may want anything
        return True
    try:
        before, after = map(tomllib.loads, (template, project))
        return _dependencies(before, group) != _dependencies(after, group)
    except ValueError:  # what cannot be read may want anything
        return True


def only_plain_added(before: str, after: str, group: str | None = "dev") -> bool:
    """Whether nothing but requirements without extras, markers and addresses has come.

    A lock that has them is whole then, whatever it was made for: they bring nothing along.
    """
    old, new = (_dependencies(tomllib.loads(text), group) for text in (before, after))
    asked, asks = (document.pop("dependencies") or [] for document in (old, new))
    if old != new or not isinstance(asked, list) or not isinstance(asks, list):
        return False
    added = [Requirement(each) for each in asks if each not in asked]
    plain = not any(each.extras or each.marker or each.url for each in added)
    return plain and set(asked) <= set(asks)


def _dependencies(document: Mapping[str, object], group: str | None) -> dict[str, object]:
    """All that decides which packages are locked: a lock without a group has those of none."""
    project, tool = _table(document, "project"), _table(document, "tool")
    names = ("dependencies", "optional-dependencies", "requires-python")
    return {
        **{name: _sorted(project.get(name)) for name in names},
        "dependency-groups": _sorted(document.get("dependency-groups")) if group else None,
        **{name: _sorted(tool.get(name)) for name in ("poetry", "uv")},
    }


def _table(document: Mapping[str, object], name: str) -> Mapping[str, object]:
    table = document.get(name)
    return table if isinstance(table, dict) else {}


def _sorted(value: object) -> object:
    """Sort all lists: their order decides nothing."""
    if isinstance(value, dict):
        return {name: _sorted(item) for name, item in value.items()}
    return sorted(map(str, value)) if isinstance(value, list) else value
