"""The imports that a merge breaks: what they lead to was there on one side, and is not any more."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from typing import NamedTuple

from bootstrap.project import git
from bootstrap.project.imports import SUFFIX, Import, Modules, Resolution, imports
from bootstrap.project.trees import Change, ScratchRepository, Tree

_DOUBTFUL = {Resolution.DOUBTFUL, Resolution.FOREIGN}


_DELETED = {
    "the template": "drop the import, or restore that file from the commit before the update",
    "you": "drop the import or this file, or restore that one",
}


class BrokenImport(NamedTuple):
    """An import, by its file and line, of a module or name that is missing; and what that means."""

    path: str
    line: int
    missing: str
    reason: str
    advice: str

    @property
    def words(self) -> str:
        return f"{self.reason}: {self.advice}"

    @property
    def where(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Merge:
    """The files of the project, and those of the template's newer render; what became of both."""

    ours: Tree
    theirs: Tree
    merged: Tree
    template: Iterable[Change] = ()
    yours: Iterable[Change] = ()


class Breaks(NamedTuple):
    """The imports that the merge breaks, and those that were broken before."""

    new: tuple[BrokenImport, ...]
    old: tuple[BrokenImport, ...]


def breaks(scratch: ScratchRepository, merge: Merge) -> Breaks:
    """Find the broken imports. Of a project without changes of its own, no file is read."""
    paths = suspects(scratch, merge)
    if not paths:
        return Breaks((), ())
    found = search(scratch, merge).breaks(paths)
    if found.new or found.old:  # what git does not keep may be there: generated modules, for one
        return search(scratch, merge, _untracked(scratch)).breaks(paths)
    return found


def _untracked(scratch: ScratchRepository) -> frozenset[str]:
    repository = scratch.repository
    words = ("ls-files", "--others", "-z", "--", "*.py", "*.pyi", "*.so")
    return frozenset(
        repository.path(path)
        for path in git.split_paths(repository.git(*words))
        if path.startswith(repository.prefix)
    )


def search(
    scratch: ScratchRepository, merge: Merge, unknown: frozenset[str] = frozenset()
) -> "ImportSearch":
    trees = (merge.merged, merge.ours, merge.theirs)
    return ImportSearch(merge, *(_modules(scratch, tree, unknown) for tree in trees))


@dataclass(frozen=True)
class ImportSearch:
    """The three sides of a merge, to resolve imports in."""

    merge: Merge
    merged: Modules
    ours: Modules
    theirs: Modules

    def breaks(self, paths: Iterable[str]) -> Breaks:
        new: dict[tuple[str, str], BrokenImport] = {}
        old: dict[tuple[str, str], BrokenImport] = {}
        for path in sorted(paths):
            for each in self.broken(path):
                where = new if self.is_new(each, path) else old
                missing = self.missing(each, path)
                broken = BrokenImport(path, each.line, missing, *self.reason(each))
                where.setdefault((path, missing), broken)
        return Breaks(tuple(new.values()), tuple(old.values()))

    def broken(self, path: str) -> Iterator[Import]:
        """The imports of a file that lead nowhere; where in doubt, those that led somewhere."""
        for each in imports(path, self.merged.read(path)):
            finding = self.merged.find(each, path)
            certain = finding is Resolution.MISSING
            if certain or (finding in _DOUBTFUL and self.was_there(each, path)):
                yield each

    def was_there(self, each: Import, path: str) -> bool:
        return any(side.find(each, path) is Resolution.FOUND for side in (self.ours, self.theirs))

    def is_new(self, each: Import, path: str) -> bool:
        """Whether the project did not have this import, or had what it leads to."""
        if path not in self.ours.paths or self.ours.find(each, path) is Resolution.FOUND:
            return True
        return all(each.target != mine.target for mine in imports(path, self.ours.read(path)))

    def deleted(self, each: Import) -> str:
        """The file of the template's that the project has deleted, if an import leads to one."""
        path = _path_of(each, self.merge.theirs)
        moved = {change.old for change in self.merge.yours if change.kind == "R"}
        return path if path not in self.merge.merged and path not in moved else ""

    def missing(self, each: Import, path: str) -> str:
        """The module, if that is missing already."""
        whole = self.merged.find(each._replace(name=""), path) is Resolution.FOUND
        return each.target if whole else each.module

    def reason(self, each: Import) -> tuple[str, str]:
        """What was done to the module and by whom, and what to do about it."""
        for side, changes, who in (
            (self.merge.ours, self.merge.template, "the template"),
            (self.merge.theirs, self.merge.yours, "you"),
        ):
            path = _path_of(each, side)
            if path and path not in self.merge.merged:
                moved = next((c.new for c in changes if c.kind == "R" and c.old == path), "")
                if moved:
                    return f"{who} moved it to {moved}", "import it from there"
                return f"{who} deleted {path}", _DELETED[who]
        path = _path_of(each, self.merge.merged)
        hidden = f"{path.removesuffix('/__init__.py')}.py"
        if path.endswith("/__init__.py") and hidden in self.merge.merged:
            package = path.removesuffix("/__init__.py")
            return f"the package {package} hides {hidden}", "rename one of them"
        if path:
            return f"{path} has no {each.name} any more", "use what it has now, or drop the import"
        return "it is in no file of the project", "drop the import, or add what it needs"


def suspects(scratch: ScratchRepository, merge: Merge) -> set[str]:
    """The files whose imports have to be resolved.

    One that is as on a side imports what is there on that side, so that it can only be broken where
    it names a module that is not as it was there.
    """
    files = {path: e for path, e in merge.merged.items() if path.endswith(SUFFIX) and e.is_plain}
    sides = [(side, _changed(side, merge.merged)) for side in (merge.theirs, merge.ours)]
    found = set()
    for path, entry in files.items():
        changed = next((changed for side, changed in sides if side.get(path) == entry), None)
        if changed is None or (changed and _names_one(scratch, files, path, changed)):
            found.add(path)
    return found


def _changed(side: Tree, merged: Tree) -> frozenset[str]:
    """The modules of a side that are others in the merge, or hidden by a package of their name."""
    return frozenset(
        path
        for path, entry in side.items()
        if path.endswith(SUFFIX)
        and (merged.get(path) != entry or (_package_of(path) in merged.keys() - side.keys()))
    )


def _package_of(module: str) -> str:
    """The package that Python would import instead of a module of the same name."""
    return f"{module.removesuffix(SUFFIX)}/__init__{SUFFIX}"


def _names_one(scratch: ScratchRepository, files: Tree, path: str, changed: frozenset[str]) -> bool:
    """Whether a file may import one of the modules; by their names, before anything is parsed."""
    if any(f"{folder}/__init__.py" in changed for folder in PurePosixPath(path).parents):
        return True  # `from . import name` does not name its module
    contents = scratch.contents(entry.blob for entry in files.values())
    return bool(_pattern(changed).search(contents[files[path].blob]))


@cache
def _pattern(paths: frozenset[str]) -> re.Pattern[bytes]:
    pure = map(PurePosixPath, paths)
    stems = {each.parent.name if each.stem == "__init__" else each.stem for each in pure}
    words = "|".join(sorted(re.escape(stem) for stem in stems))
    return re.compile(rf"\b(?:{words})\b".encode())


def _modules(scratch: ScratchRepository, tree: Tree, unknown: frozenset[str]) -> Modules:
    opaque = {path for path, entry in tree.items() if not entry.is_plain}
    plain = {path: e.blob for path, e in tree.items() if path.endswith(SUFFIX) and e.is_plain}
    contents = scratch.contents(plain.values())

    def read(path: str) -> str:
        return contents[plain[path]].decode("utf-8", "replace") if path in plain else ""

    return Modules(tree.keys() - opaque, opaque | unknown, read)


def _path_of(each: Import, tree: Mapping[str, object]) -> str:
    """The file of what is imported, or of the module that has it."""
    for dotted in (each.target, each.module):
        stem = dotted.replace(".", "/")
        for root in ("", "src/"):
            for path in (f"{root}{stem}/__init__.py", f"{root}{stem}.py"):  # as Python prefers
                if path in tree:
                    return path
    return ""
