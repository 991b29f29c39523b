"""What an update asks of people: settings, defaults, removed files, migrations, pins, hooks.

All of it is read from the project before and after, so it is what really arrives there.
"""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple

import yaml

from bootstrap.project import locks, revisions
from bootstrap.project.locks import PackageChange
from bootstrap.project.revisions import Texts
from bootstrap.project.trees import Change, ScratchRepository, Tree
from bootstrap.revision import parse_revision

_EXAMPLE = ".env.example"
_PINS = (".python-version", "toolchain.yml")
_HOOKS_CONFIG, _OWN_HOOKS = ".pre-commit-config.yaml", ".githooks/"
_UP = "make up"
_SETTING = re.compile(r"^(?:# ?)?([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)


class ValueChange(NamedTuple):
    """A value before and after, and the file that states it."""

    name: str
    before: str
    after: str
    path: str


class Migration(NamedTuple):
    """A new revision: its id, title and file."""

    id: str
    title: str
    path: str


class SettingsChange(NamedTuple):
    """Settings that a person's own `.env` may need or no longer needs."""

    new: tuple[str, ...]
    gone: tuple[str, ...]


@dataclass(frozen=True)
class Attention:
    """What people must know of an update; paths are relative to the project.

    `hooks` is the command that lets git run other hooks, where they are others.
    """

    defaults: tuple[ValueChange, ...] = ()
    removed: tuple[str, ...] = ()
    migrations: tuple[Migration, ...] = ()
    pins: tuple[ValueChange, ...] = ()
    packages: tuple[PackageChange, ...] = ()
    hooks: str = ""

    @property
    def machine(self) -> bool:
        """Whether machines have to be brought up again."""
        return bool(self.pins or self.packages or self.migrations or self.hooks == _UP)


def settings_change(scratch: ScratchRepository, base: Tree, theirs: Tree) -> SettingsChange:
    """Compare the `.env.example` of two renders."""
    before, after = (
        _settings(scratch.texts(tree, [_EXAMPLE]).get(_EXAMPLE, "")) for tree in (base, theirs)
    )
    return SettingsChange(
        new=tuple(name for name in after if name not in before),
        gone=tuple(name for name in before if name not in after),
    )


def needed_attention(scratch: ScratchRepository, before: str, after: str) -> Attention:
    """Compare two commits or trees of the project."""
    repository = scratch.repository
    mine = tuple(
        Change(each.kind, repository.path(each.old), repository.path(each.new))
        for each in scratch.changes(before, after)
        if each.new.startswith(repository.prefix)
    )
    paths = {path for each in mine for path in (each.old, each.new)} | {*_PINS}
    old, new = (scratch.texts(scratch.project_files(side), paths) for side in (before, after))
    return attention_to(mine, old, new)


def attention_to(changes: tuple[Change, ...], before: Texts, after: Texts) -> Attention:
    """The same, from the texts of the changed files and of the pins on either side."""
    edited = {each.new: each.old for each in changes if each.kind != "D"}
    return Attention(
        defaults=tuple(
            change
            for new, old in edited.items()
            for change in _defaults(new, before.get(old, ""), after.get(new, ""))
        ),
        removed=tuple(each.old for each in changes if each.kind == "D"),
        migrations=tuple(
            migration
            for each in changes
            if each.kind == "A" and each.new.startswith(revisions.VERSIONS)
            for migration in _migration(each.new, after.get(each.new, ""))
        ),
        pins=tuple(_pins(before, after)),
        packages=_packages(edited, before, after),
        hooks=_hooks(changes),
    )


# -- defaults --------------------------------------------------------------------------------------


def _defaults(path: str, before: str, after: str) -> Iterator[ValueChange]:
    parse = _parser(path)
    if parse is None:
        return
    old, new = parse(before), parse(after)
    for name in old.keys() & new.keys():
        if old[name] != new[name]:
            yield ValueChange(name, old[name], new[name], path)


def _parser(path: str) -> Callable[[str], Mapping[str, str]] | None:
    if path == _EXAMPLE:
        return _settings
    is_settings = path.startswith("app/") and PurePosixPath(path).name == "settings.py"
    return settings_defaults if is_settings else None


def _settings(example: str) -> dict[str, str]:
    """The settings in an `.env.example` and their values, commented-out ones included."""
    return {match[1]: match[2].strip() for match in _SETTING.finditer(example)}


def settings_defaults(source: str) -> dict[str, str]:
    """The defaults of a settings class, as written, by the names of the variables."""
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
    """The default of a field: `Field(default=3, gt=0)` and `Field(3, gt=0)` have 3."""
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "Field":
        named = {each.arg: each.value for each in value.keywords}
        return named.get("default") or (value.args[0] if value.args else value)
    return value


# -- hooks -----------------------------------------------------------------------------------------


def _hooks(changes: tuple[Change, ...]) -> str:
    """Those of pre-commit, and the end of any, are up's; the project's own are everybody's wish."""
    found = {(each.kind, each.new) for each in changes}
    own = {kind for kind, path in found if path.startswith(_OWN_HOOKS)}
    if "D" in own or {("A", _HOOKS_CONFIG), ("D", _HOOKS_CONFIG)} & found:
        return _UP
    return "make hooks" if "A" in own else ""


# -- migrations, pins ------------------------------------------------------------------------------


def _migration(path: str, text: str) -> Iterator[Migration]:
    revision = parse_revision(text)
    if revision is not None:
        stated = ast.get_docstring(ast.parse(text)) or ""
        yield Migration(revision.id, stated.partition("\n")[0], path)


def _pins(before: Texts, after: Texts) -> Iterator[ValueChange]:
    for name, path, parse in zip(("Python", "pip"), _PINS, (_python, _pip), strict=True):
        old, new = (parse(side.get(path, "")) for side in (before, after))
        if old and new and old != new:
            yield ValueChange(name, old, new, path)


def _python(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if re.match(r"\s*\d", line)), "")


def _pip(text: str) -> str:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        return ""
    return str(document.get("pip", "")) if isinstance(document, dict) else ""


def _packages(edited: Mapping[str, str], before: Texts, after: Texts) -> tuple[PackageChange, ...]:
    """The changes of the lock that has most: the developers'."""
    for name in reversed(locks.GROUPS):
        if name in edited:
            return locks.changes(before.get(edited[name], ""), after.get(name, ""))
    return ()
