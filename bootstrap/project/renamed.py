"""The template as it would be with the project's names: where a project has moved its modules.

What the template changes or adds imports them by the project's names, and what it adds to a package
that was moved is in that package. So a merge has no conflict about names alone.
"""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

from bootstrap.project.codemods import ModuleRename, applied
from bootstrap.project.imports import SUFFIX
from bootstrap.project.trees import Change, ScratchRepository, Tree, TreeEntry

Notes = Mapping[str, tuple[str, ...]]  # why a file was rewritten, by path


class RenamedSides(NamedTuple):
    """Base and theirs with the project's names, and what that changed in files of the template."""

    base: Tree
    theirs: Tree
    notes: Notes


class _Names(NamedTuple):
    """What the project has moved: modules by their files, and whole folders."""

    renames: tuple[ModuleRename, ...]
    folders: Mapping[str, str]


def as_renamed(
    scratch: ScratchRepository, base: Tree, theirs: Tree, ours: Tree, head: str
) -> RenamedSides:
    """Give base and theirs the names that the project has for its modules."""
    prefix = scratch.repository.prefix
    gone = [path for path in base if path.endswith(SUFFIX) and path not in ours]
    if not any(path.startswith(prefix) for path in gone):
        return RenamedSides(base, theirs, {})
    names = _names(scratch.changes(scratch.write(base), head), ours, prefix)
    if not names.renames:
        return RenamedSides(base, theirs, {})
    old, new = dict(base), dict(theirs)
    notes: dict[str, tuple[str, ...]] = {}
    for path, entry in theirs.items():
        if not path.startswith(prefix) or base.get(path) == entry:
            continue
        before, known = _with_names(scratch, path, base.get(path), names, prefix)
        after, used = _with_names(scratch, path, entry, names, prefix)
        if before and after:
            old[path] = before
        place = path if path in base else _placed(path, names, {*theirs, *ours})
        new.pop(path)
        new[place] = after or entry
        if reasons := _reasons(used - known, moved=place != path):
            notes[_path_here(path, place, names, prefix)] = reasons
    return RenamedSides(old, new, notes)


def _names(changes: tuple[Change, ...], ours: Tree, prefix: str) -> _Names:
    moved = {
        change.old: change.new
        for change in changes
        if change.kind == "R" and change.old.endswith(SUFFIX) and change.new.endswith(SUFFIX)
        if change.old.startswith(prefix) and change.new.startswith(prefix)
    }
    modules = {**moved, **dict(_packages(moved))}
    renames = {
        ModuleRename(before, after)
        for old, new in modules.items()
        if (before := module_name(old.removeprefix(prefix)))
        != (after := module_name(new.removeprefix(prefix)))
        if not _is_module(old, ours) and new in ours
    }
    folders = {
        before: after
        for before, after in _folders(moved).items()
        if not any(path.startswith(f"{before}/") for path in ours)
    }
    return _Names(tuple(sorted(renames, key=lambda each: each.old)), folders)


def _is_module(path: str, tree: Tree) -> bool:
    """Whether a module is there still: as a file, or as a package."""
    stem = path.removesuffix("/__init__.py").removesuffix(SUFFIX)
    return f"{stem}.py" in tree or f"{stem}/__init__.py" in tree


def _heads(old: str, new: str) -> Iterator[tuple[str, str]]:
    """The folders above a file that has moved, as long as what is below has the same names."""
    before, after = PurePosixPath(old), PurePosixPath(new)
    while before.name == after.name and before.parent.name and after.parent.name:
        before, after = before.parent, after.parent
        if before != after:
            yield str(before), str(after)


def _packages(moved: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for old, new in moved.items():
        for before, after in _heads(old, new):
            yield f"{before}/__init__.py", f"{after}/__init__.py"


def _folders(moved: Mapping[str, str]) -> dict[str, str]:
    """The folders all of whose files are in another one now."""
    places: dict[str, set[str]] = {}
    for old, new in moved.items():
        for before, after in _heads(old, new):
            places.setdefault(before, set()).add(after)
    return {before: after for before, (after, *others) in places.items() if not others}


def _placed(path: str, names: _Names, taken: set[str]) -> str:
    """Where a file of the template's is to be, if its folder has moved."""
    for above in map(str, PurePosixPath(path).parents):
        if above in names.folders:
            place = f"{names.folders[above]}/{path.removeprefix(f'{above}/')}"
            return path if place in taken else place
    return path


def _path_here(path: str, place: str, names: _Names, prefix: str) -> str:
    """Where the project has a file of the template's."""
    if place != path or not path.endswith(SUFFIX):
        return place
    stem = module_name(path.removeprefix(prefix))
    new = next((each.new for each in names.renames if each.old == stem), "")
    return f"{prefix}{new.replace('.', '/')}{SUFFIX}" if new else path


def _with_names(
    scratch: ScratchRepository, path: str, entry: TreeEntry | None, names: _Names, prefix: str
) -> tuple[TreeEntry | None, frozenset[ModuleRename]]:
    """A file with the project's names, and the names that it has."""
    if entry is None or not entry.is_plain or not path.endswith(SUFFIX):
        return entry, frozenset()
    try:
        text = scratch.content(entry.blob).decode()
    except UnicodeDecodeError:
        return entry, frozenset()
    new, used = applied(path.removeprefix(prefix), text, names.renames)
    found = frozenset(each for each in used if isinstance(each, ModuleRename))
    if new == text:
        return entry, found
    return entry._replace(blob=scratch.write_blob(new.encode())), found


def _reasons(used: frozenset[ModuleRename], *, moved: bool) -> tuple[str, ...]:
    reasons = ["it is in the folder that you moved"] if moved else []
    if used:
        first, *rest = sorted(used, key=lambda each: each.old)
        more = f", and {len(rest)} more" if rest else ""
        reasons.append(f"its import of {first.old} follows your rename to {first.new}{more}")
    return tuple(reasons)


def module_name(path: str) -> str:
    """The dotted name of a module by its file."""
    stem = path.removeprefix("src/").removesuffix(SUFFIX).removesuffix("/__init__")
    return stem.replace("/", ".")
