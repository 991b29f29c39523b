"""Transformations of Python files that follow a rename: of a module, name, setting or argument.

A release may carry some, as data (`codemods.yml`). libCST keeps every other character as it is.
Each is idempotent: after it there is nothing left to do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from functools import cache
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import yaml

from bootstrap.project.releases import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DATA = Path(__file__).parent / "codemods.yml"


@dataclass(frozen=True)
class ModuleRename:
    """A module, or package with all that is below it, by its dotted names."""

    old: str
    new: str

    @property
    def words(self) -> str:
        return f"{self.old} is {self.new} now"


@dataclass(frozen=True)
class NameRename:
    """What a module binds, by its dotted names: it may be in another module now."""

    old: str
    new: str

    @property
    def words(self) -> str:
        return f"{self.old} is {self.new} now"


@dataclass(frozen=True)
class SettingRename:
    """A setting, by its attribute; its variable has the same name in capitals."""

    old: str
    new: str

    @property
    def words(self) -> str:
        return f"the setting {self.old} is {self.new} now"


@dataclass(frozen=True)
class ArgumentRename:
    """A keyword of a function or class, which has its dotted name."""

    function: str
    old: str
    new: str

    @property
    def words(self) -> str:
        return f"the argument {self.old} of {self.function} is {self.new} now"


Codemod = ModuleRename | NameRename | SettingRename | ArgumentRename
_KINDS = {
    "module": ModuleRename,
    "name": NameRename,
    "setting": SettingRename,
    "argument": ArgumentRename,
}


def codemods_between(before: str, after: str, data: Path = DATA) -> tuple[Codemod, ...]:
    """The codemods of the releases after `before`, up to `after`; a checkout is newer than all."""
    first, last = number(before), number(after)
    if first is None or not data.is_file():
        return ()
    return tuple(
        codemod
        for version, listed in parsed_codemods(data.read_text(encoding="utf-8")).items()
        if first < version and (last is None or version <= last)
        for codemod in listed
    )


def parsed_codemods(text: str) -> Mapping[tuple[int, ...], tuple[Codemod, ...]]:
    """Parse `codemods.yml`, by version from the oldest; raises ValueError where it is wrong."""
    document = yaml.safe_load(text) or {}
    if not isinstance(document, dict):
        raise ValueError("it must map versions to lists")  # noqa: TRY004 - of a file, not a type
    found = {}
    for name, listed in document.items():
        version = number(str(name))
        if version is None or not isinstance(listed, list):
            raise ValueError(f"{name}: a version has a list of codemods")
        found[version] = tuple(_codemod(name, each) for each in listed)
    return dict(sorted(found.items()))


def _codemod(version: str, stated: object) -> Codemod:
    only = isinstance(stated, dict) and len(stated) == 1
    kind, values = next(iter(stated.items())) if isinstance(stated, dict) and only else ("", None)
    made = _KINDS.get(str(kind))
    if made is None or not isinstance(values, dict):
        raise ValueError(f"{version}: {stated!r} is none of {', '.join(_KINDS)}")
    names = {each.name for each in fields(made)}
    if values.keys() != names or not all(isinstance(v, str) for v in values.values()):
        raise ValueError(f"{version}: {kind} has {', '.join(sorted(names))}, which are texts")
    result: Codemod = made(**values)
    return result


# -- transforming ----------------------------------------------------------------------------------


def transformed(path: str, text: str, codemods: Sequence[Codemod]) -> str:
    """The text after the codemods; the same where none has anything to do, or it is no Python."""
    return applied(path, text, codemods)[0]


def applied(path: str, text: str, codemods: Sequence[Codemod]) -> tuple[str, frozenset[Codemod]]:
    """The same, and those of the codemods that had something to do."""
    package, used = package_of(path), set[Codemod]()
    for of_modules, group in groupby(codemods, lambda each: isinstance(each, ModuleRename)):
        # In the order of the releases: a name that moved may be of a module that moved later.
        wanted = [each for each in group if _may_concern(each, text)]
        if wanted:
            text, done = (_modules_renamed if of_modules else _names_renamed)(text, wanted, package)
            used |= done
    return text, frozenset(used)


def _modules_renamed(
    text: str, codemods: Sequence[Codemod], package: tuple[str, ...]
) -> tuple[str, frozenset[Codemod]]:
    """All at once: a package that was renamed is as many renames as it has modules."""
    from bootstrap.project import module_transformer  # noqa: PLC0415 - libCST takes 0.2 s

    renames = [each for each in codemods if isinstance(each, ModuleRename)]
    return module_transformer.rename_modules(text, renames, package)


def _names_renamed(
    text: str, codemods: Sequence[Codemod], package: tuple[str, ...]
) -> tuple[str, frozenset[Codemod]]:
    from bootstrap.project import rename_transformer  # noqa: PLC0415

    used: set[Codemod] = set()
    for each in codemods:
        if not isinstance(each, ModuleRename):
            before, text = text, rename_transformer.rename(text, each, package)
            used |= {each} if text != before else set()
    return text, frozenset(used)


def package_of(path: str) -> tuple[str, ...]:
    """The package that the relative imports of a file start from."""
    parts = PurePosixPath(path).parent.parts
    return parts[1:] if parts[:1] == ("src",) else parts


def _may_concern(codemod: Codemod, text: str) -> bool:
    """Whether the old name is a word of the text: most files are not even parsed."""
    words = [codemod.old.rpartition(".")[2]]
    words += [codemod.old.upper()] if isinstance(codemod, SettingRename) else []
    return bool(_words(tuple(words)).search(text))


@cache
def _words(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\b")
