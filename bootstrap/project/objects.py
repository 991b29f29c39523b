"""Git's objects, without a process for each.

They are read, and trees are compared, by a git that stays and is asked again. They are written as
git writes them (gitformat-loose): a header and the content, named by a digest of both.
"""

import hashlib
import re
import secrets
import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from bootstrap.language import Said
from bootstrap.project import git
from bootstrap.project.git import LastingGit


class TreeEntry(NamedTuple):
    """One file of a tree: git's mode, and the id of its content."""

    mode: str
    blob: str

    @property
    def is_plain(self) -> bool:
        """Whether it is a file with its own content, not a link or a submodule."""
        return self.mode in {"100644", "100755"}


Tree = Mapping[str, TreeEntry]


class GitObject(NamedTuple):
    """An object of git: its id, its kind, and what is in it."""

    id: str
    kind: str
    content: bytes


class Change(NamedTuple):
    """The change of one file between two trees. `kind` is git's letter: A D M R T."""

    kind: str
    old: str
    new: str


# -- reading ---------------------------------------------------------------------------------------

# As the merge itself finds renames, so that what is shown is what happens.
RENAMES = ("-M50%", "-l10000")
_AT_ONCE = 50  # names sent before the first answer is read: any system's pipe takes as many
_FOLDER = "40000"


class ObjectReader:
    """Reads objects through one `git cat-file --batch`; `seen` are ids in trees it has read."""

    def __init__(self, cat_file: LastingGit) -> None:
        self._git = cat_file
        self.seen: set[str] = set()

    def read(self, name: str) -> GitObject:
        """Read what a name stands for; GitError if there is no such object."""
        return next(self.read_all([name]))

    def find(self, name: str) -> GitObject | None:
        """Read what a name stands for, if there is such an object."""
        return self._asked([name])[0]

    def read_all(self, names: Iterable[str]) -> Iterator[GitObject]:
        """Read several, in their order."""
        left = iter(names)
        while some := list(islice(left, _AT_ONCE)):
            for name, found in zip(some, self._asked(some), strict=True):
                if found is None:
                    raise git.GitError(
                        Said("git has no object {name}.", name=name), next=("git fsck",)
                    )
                yield found

    def _asked(self, names: list[str]) -> list[GitObject | None]:
        self._git.ask("".join(f"{name}\n" for name in names))
        return [self._answer() for _ in names]

    def files(self, name: str) -> dict[str, TreeEntry]:
        """List the files of a commit or tree, and of the folders in it."""
        return dict(sorted(self._files("", self.read(f"{name}^{{tree}}"))))

    def _files(self, prefix: str, tree: GitObject) -> Iterator[tuple[str, TreeEntry]]:
        folders = {}
        for mode, name, found in _entries(tree):
            self.seen.add(found)
            if mode == _FOLDER:
                folders[f"{prefix}{name}/"] = found
            else:
                yield f"{prefix}{name}", TreeEntry(mode, found)
        below = list(self.read_all(folders.values()))
        for path, each in zip(folders, below, strict=True):
            yield from self._files(path, each)

    def _answer(self) -> GitObject | None:
        about = self._git.line().decode("utf-8", "surrogateescape").rsplit(" ", 2)
        if len(about) < 3 or not about[2].isdecimal():  # noqa: PLR2004 - id, kind, size
            return None
        content = self._git.read(int(about[2]))
        self._git.read(1)
        return GitObject(about[0], about[1], content)


def _entries(tree: GitObject) -> Iterator[tuple[str, str, str]]:
    """Parse a tree: a mode, a space, a name, NUL and a binary id for each entry."""
    width = len(tree.id) // 2
    entry = re.compile(rb"(\d+) ([^\0]+)\0(.{%d})" % width, re.DOTALL)
    for mode, name, found in entry.findall(tree.content):
        yield mode.decode(), name.decode("utf-8", "surrogateescape"), found.hex()


class TreeComparer:
    """Compares trees through one `git diff-tree --stdin`, following renames; each pair once."""

    def __init__(self, diff_tree: LastingGit) -> None:
        self._git = diff_tree
        self._end = secrets.token_hex(16)
        self._known: dict[tuple[str, str], tuple[Change, ...]] = {}

    def changes(self, before: str, after: str) -> tuple[Change, ...]:
        """Compare two trees, which are named by their ids."""
        pair = (before, after)
        if pair not in self._known:
            # A line that is no id comes back as it is, after all that was to be said before it.
            self._git.ask(f"{before} {after}\n{self._end}\n")
            told = self._git.until(f"{self._end}\n").partition("\n")[2]
            self._known[pair] = tuple(_changes(told.split("\0")))
        return self._known[pair]


def _changes(words: list[str]) -> Iterator[Change]:
    left = iter(word for word in words if word)
    for status in left:
        old = next(left)
        new = next(left) if status[0] in "RC" else old
        yield Change(status[0], old, new)


# -- writing ---------------------------------------------------------------------------------------


class ObjectWriter:
    """Writes objects into a folder that nobody else writes to; what is `known` is there already."""

    def __init__(self, folder: Path, hashing: str, known: set[str]) -> None:
        self._folder, self._hashing, self._known = folder, hashing, known

    def write(self, kind: str, content: bytes) -> str:
        """Write one object; return its id."""
        whole = f"{kind} {len(content)}\0".encode() + content
        name = hashlib.new(self._hashing, whole, usedforsecurity=False).hexdigest()
        if name not in self._known:
            path = self._folder / name[:2] / name[2:]
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(zlib.compress(whole, 1))
            self._known.add(name)
        return name

    def write_tree(self, files: Tree) -> str:
        """Write a tree with those files, and the trees of its folders."""
        return self._write_folder(_nested(files))

    def _write_folder(self, folder: "_Folder") -> str:
        entries = []
        for name, found in folder.items():
            encoded = order = name.encode("utf-8", "surrogateescape")
            if isinstance(found, dict):
                order += b"/"  # this is how git sorts a folder
                entry = TreeEntry(_FOLDER, self._write_folder(found))
            else:
                entry = found
            binary = bytes.fromhex(entry.blob)
            entries.append((order, b"%s %s\0%s" % (entry.mode.encode(), encoded, binary)))
        return self.write("tree", b"".join(content for _, content in sorted(entries)))


_Folder = dict[str, "TreeEntry | _Folder"]


def _nested(files: Tree) -> _Folder:
    top: _Folder = {}
    folders: dict[str, _Folder] = {"": top}

    def folder(path: str) -> _Folder:
        if path not in folders:
            above, _, name = path.rpartition("/")
            folders[path] = {}
            folder(above)[name] = folders[path]
        return folders[path]

    for path, entry in files.items():
        above, _, name = path.rpartition("/")
        folder(above)[name] = entry
    return top
