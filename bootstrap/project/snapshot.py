"""What the files of an update, and git's index, held before it: byte by byte.

Git would write them again by way of filters, line ends and sparse patterns, any of which may fail.
Copies are put back by renaming them: that needs none of these, and no room on a full disk.
"""

import errno
import filecmp
import json
import os
import shutil
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from bootstrap import files
from bootstrap.project.repository import Repository

_FOLDER = "before"
_MANIFEST = "manifest.json"
_INDEX = "index"
_SHARED = "sharedindex.*"


@dataclass(frozen=True)
class Held:
    """What was at a path: a file, of which `copy` is the name of the copy, or a link's target.

    Neither, where there was nothing, or a folder.
    """

    copy: str = ""
    link: str = ""


@dataclass(frozen=True)
class Snapshot:
    """What was at each path, and the modes of the folders above."""

    repository: Repository
    held: Mapping[str, Held]
    folders: Mapping[str, int]

    @property
    def folder(self) -> Path:
        return self.repository.notes / _FOLDER

    def changed(self) -> frozenset[str]:
        """The paths where something else is now."""
        top = self.repository.top
        return frozenset(
            path for path, was in self.held.items() if not self._is_back(top, was, path)
        )

    def index_changed(self) -> bool:
        """Whether git's index is another one now."""
        copy, index = self.folder / _INDEX, self.repository.git_dir / "index"
        if not copy.exists():  # it is put back already, or there was none
            return False
        return not index.exists() or not filecmp.cmp(copy, index, shallow=False)

    def put_back(self) -> tuple[str, ...]:
        """Put back what has changed; return the names of what was in its way, set aside.

        Interrupted, it goes on where it was: a copy that is gone is back at its place.
        """
        top = self.repository.top
        changed = self.changed()
        for path in sorted(self.held, reverse=True):
            if self.held[path] == Held():
                if path in changed:
                    (top / path).unlink(missing_ok=True)
                self._remove_folders(path)
        aside: list[str] = []
        for path in sorted(changed):
            if self.held[path] != Held():
                aside += _clear_the_way(top, path, self.folders)
                _replace(self._source(self.held[path]), top / path)
        if self.index_changed():
            for shared in self.folder.glob(_SHARED):  # what a split index consists of, too
                if not (self.repository.git_dir / shared.name).exists():
                    _replace(shared, self.repository.git_dir / shared.name)
            _replace(self.folder / _INDEX, self.repository.git_dir / "index")
        return tuple(aside)

    def _remove_folders(self, path: str) -> None:
        """Remove the empty folders above a path that were not there before."""
        for folder in map(str, Path(path).parents[:-1]):
            if folder in self.folders or not stat.S_ISDIR(_mode(self.repository.top, folder)):
                continue
            with suppress(OSError):  # it is not empty
                (self.repository.top / folder).rmdir()

    def _is_back(self, top: Path, was: Held, path: str) -> bool:
        now = _mode(top, path)
        if was.copy:
            copy = self.folder / was.copy
            return not copy.exists() or (
                stat.S_ISREG(now)
                and stat.S_IMODE(now) == stat.S_IMODE(copy.stat().st_mode)
                and filecmp.cmp(copy, top / path, shallow=False)
            )
        if was.link:
            return stat.S_ISLNK(now) and link_target(top / path) == was.link
        return not stat.S_ISREG(now) and not stat.S_ISLNK(now)

    def _source(self, was: Held) -> Path:
        if was.copy:
            return self.folder / was.copy
        link = self.folder / "link"
        link.unlink(missing_ok=True)
        link.symlink_to(was.link)
        return link


def take(repository: Repository, paths: Iterable[str]) -> Snapshot:
    """Copy what is at the paths; complete, or there is none."""
    folder = repository.notes / _FOLDER
    discard(repository)
    folder.mkdir(parents=True)
    try:
        held = {
            path: _copied(repository.top, path, folder / str(n)) for n, path in enumerate(paths)
        }
        index = repository.git_dir / "index"
        if index.exists():
            for each in (index, *repository.git_dir.glob(_SHARED)):
                shutil.copy2(each, folder / each.name)
        snapshot = Snapshot(repository, held, _folders(repository.top, held))
        _save(snapshot)
    except BaseException:
        discard(repository)
        raise
    return snapshot


def load(repository: Repository) -> Snapshot | None:
    """The snapshot that was taken last, and not discarded."""
    try:
        text = (repository.notes / _FOLDER / _MANIFEST).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    stored = json.loads(text)
    held = {path: Held(**was) for path, was in stored["held"].items()}
    return Snapshot(repository, held, stored["folders"])


def discard(repository: Repository) -> None:
    shutil.rmtree(repository.notes / _FOLDER, ignore_errors=True)


def link_target(link: Path) -> str:
    return os.readlink(link)  # noqa: PTH115 - a Path forgets a leading "./"


def is_there(top: Path, path: str) -> bool:
    """Whether git would find a file or a link at a path: not beyond a linked folder."""
    return bool(_mode(top, path)) and not stat.S_ISDIR(_mode(top, path))


def _save(snapshot: Snapshot) -> None:
    held = {path: asdict(was) for path, was in snapshot.held.items()}
    text = json.dumps({"held": held, "folders": snapshot.folders})
    files.write_atomically(snapshot.folder / _MANIFEST, text, mode=0o600)


def _mode(top: Path, path: str) -> int:
    """What is at a path itself, as lstat(2) says; 0 for nothing, or if a folder above is a link."""
    for folder in reversed(Path(path).parents[:-1]):
        with suppress(OSError):
            if stat.S_ISDIR((top / folder).lstat().st_mode):
                continue
        return 0
    try:
        return (top / path).lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0


def _copied(top: Path, path: str, copy: Path) -> Held:
    mode = _mode(top, path)
    if stat.S_ISLNK(mode):
        return Held(link=link_target(top / path))
    if not stat.S_ISREG(mode):
        return Held()
    shutil.copy2(top / path, copy)
    return Held(copy=copy.name)


def _folders(top: Path, paths: Iterable[str]) -> dict[str, int]:
    """The folders above the paths that are there, with their modes."""
    above = {str(folder) for path in paths for folder in Path(path).parents[:-1]}
    modes = {folder: _mode(top, folder) for folder in above}
    return {folder: stat.S_IMODE(mode) for folder, mode in modes.items() if stat.S_ISDIR(mode)}


def _clear_the_way(top: Path, path: str, folders: Mapping[str, int]) -> list[str]:
    """Make the folders above a path; what is in its way keeps its content under another name."""
    aside = []
    for above in reversed(Path(path).parents[:-1]):
        if stat.S_ISDIR(_mode(top, str(above))):
            continue
        if os.path.lexists(top / above):
            aside.append(_set_aside(top, above))
        (top / above).mkdir()
        if str(above) in folders:
            (top / above).chmod(folders[str(above)] | stat.S_IWUSR)
    if stat.S_ISDIR(_mode(top, path)):
        if any(names for _, _, names in os.walk(top / path)):
            aside.append(_set_aside(top, Path(path)))
        else:  # git knows no empty folders
            shutil.rmtree(top / path)
    return aside


def _set_aside(top: Path, path: Path) -> str:
    names = (f"{path}~yours{number or ''}" for number in range(1000))
    name = next(name for name in names if not os.path.lexists(top / name))
    (top / path).rename(top / name)
    return name


def _replace(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # The repository of a linked work tree or a submodule can be on another disk.
        with files.draft(target) as beside:
            shutil.copy2(source, beside, follow_symlinks=False)
        source.unlink()
