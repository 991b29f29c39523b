"""What an update asks of people: changed defaults, files that go, migrations to run, other pins.

All of it is read from the project before and after, so it is told of what really arrives there.
"""

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple

import yaml

from bootstrap.project import environment, locks, revisions
from bootstrap.project.locks import PackageChange
from bootstrap.project.trees import Change, ScratchRepository, Tree
from bootstrap.revision import parse_revision


class Changed(NamedTuple):
    """Something that was one thing and is another, and the file that says so."""

    name: str
    before: str
    after: str
    path: str


class Migration(NamedTuple):
    """A revision that came: its id, what it says it does, and its file."""

    id: str
    title: str
    path: str


@dataclass(frozen=True)
class Attention:
    """What of an update is for people; all paths are as seen from the project."""

    defaults: tuple[Changed, ...] = ()
    removed: tuple[str, ...] = ()
    migrations: tuple[Migration, ...] = ()
    pins: tuple[Changed, ...] = ()
    packages: tuple[PackageChange, ...] = ()

    @property
    def machine(self) -> bool:
        """Whether a machine that was up is not so any more."""
        return bool(self.pins or self.packages or self.migrations)


def between(scratch: ScratchRepository, before: str, after: str) -> Attention:
    """What differs for people between two commits or trees of the project."""
    repository = scratch.repository
    mine = tuple(
        Change(each.kind, repository.path(each.old), repository.path(each.new))
        for each in scratch.changes(before, after)
        if each.new.startswith(repository.prefix)
    )
    paths = {path for each in mine for path in (each.old, each.new)} | {*_PINS}
    texts = (_reader(scratch, scratch.tree(side), paths) for side in (before, after))
    return of_changes(mine, *texts)


Read = Callable[[str], str]


def of_changes(changes: tuple[Change, ...], before: Read, after: Read) -> Attention:
    """The same, given how to read a file on either side: empty where there is none."""
    edited = {each.new: each.old for each in changes if each.kind != "D"}
    return Attention(
        defaults=tuple(
            told for new, old in edited.items() for told in _defaults(new, before(old), after(new))
        ),
        removed=tuple(each.old for each in changes if each.kind == "D"),
        migrations=tuple(
            told
            for each in changes
            if each.kind == "A" and each.new.startswith(revisions.VERSIONS)
            for told in _migration(each.new, after(each.new))
        ),
        pins=tuple(told for path in _PINS for told in _pins(path, before, after)),
        packages=_packages(edited, before, after),
    )


def _reader(scratch: ScratchRepository, tree: Tree, paths: Iterable[str]) -> Read:
    """A reader of those files, which are fetched at once."""
    found = {path: tree.get(scratch.repository.prefix + path) for path in paths}
    blobs = {path: entry.blob for path, entry in found.items() if entry and entry.is_plain}
    texts = scratch.contents(blobs.values())
    return lambda path: texts[blobs[path]].decode("utf-8", "replace") if path in blobs else ""


# -- defaults --------------------------------------------------------------------------------------


def _defaults(path: str, before: str, after: str) -> Iterator[Changed]:
    read = _values_of(path)
    if read is None:
        return
    old, new = read(before), read(after)
    for name in old.keys() & new.keys():
        if old[name] != new[name]:
            yield Changed(name, old[name], new[name], path)


def _values_of(path: str) -> Callable[[str], Mapping[str, str]] | None:
    if path == environment.EXAMPLE:
        return environment.examples
    is_settings = path.startswith("app/") and PurePosixPath(path).name == "settings.py"
    return settings_defaults if is_settings else None


def settings_defaults(source: str) -> dict[str, str]:
    """The defaults of a class of settings, as they are written; by the names in the environment."""
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError):
        return {}
    classes = [node for node in module.body if isinstance(node, ast.ClassDef)]
    found = {}
    for each in (node for described in classes for node in described.body):
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and each.value:
            found[each.target.id.upper()] = ast.unparse(_default(each.value))
    return found


def _default(value: ast.expr) -> ast.expr:
    """What is given to a field: `Field(default=3, gt=0)` and `Field(3, gt=0)` give 3."""
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "Field":
        named = {each.arg: each.value for each in value.keywords}
        return named.get("default") or (value.args[0] if value.args else value)
    return value


# -- migrations, pins ------------------------------------------------------------------------------

_PINS = (".python-version", "toolchain.yml")


def _migration(path: str, text: str) -> Iterator[Migration]:
    revision = parse_revision(text)
    if revision is not None:
        stated = ast.get_docstring(ast.parse(text)) or ""
        yield Migration(revision.id, stated.partition("\n")[0], path)


def _pins(path: str, before: Read, after: Read) -> Iterator[Changed]:
    read = _python if path == ".python-version" else _pip
    old, new = (read(side(path)) for side in (before, after))
    if old and new and old != new:
        yield Changed("Python" if path == ".python-version" else "pip", old, new, path)


def _python(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if re.match(r"\s*\d", line)), "")


def _pip(text: str) -> str:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        return ""
    return str(document.get("pip", "")) if isinstance(document, dict) else ""


def _packages(edited: Mapping[str, str], before: Read, after: Read) -> tuple[PackageChange, ...]:
    """Of the lock with most in it: what the developers install."""
    for name in reversed(locks.GROUPS):
        if name in edited:
            return locks.changes(before(edited[name]), after(name))
    return ()
