"""Trees, and a scratch repository to work on them without touching the project's repository.

Its objects are in a folder of their own; it reads the repository's as well. Only `keep` copies
some into it.
"""

import io
import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bootstrap.project import git
from bootstrap.project.git import HEADSTART_IDENTITY, split_paths
from bootstrap.project.repository import Repository


class TreeEntry(NamedTuple):
    """One file of a tree: git's mode, and the id of its content."""

    mode: str
    blob: str

    @property
    def is_plain(self) -> bool:
        """Whether it is a file with its own content, not a link or a submodule."""
        return self.mode in {"100644", "100755"}


Tree = Mapping[str, TreeEntry]


@dataclass(frozen=True)
class Pack:
    """Objects as git packs them, and their index."""

    objects: bytes
    index: bytes


class Change(NamedTuple):
    """The change of one file between two trees. `kind` is git's letter: A D M R T."""

    kind: str
    old: str
    new: str


class Merged(NamedTuple):
    """A merge: its tree, and git's kinds of conflict by path."""

    tree: str
    conflicts: Mapping[str, tuple[str, ...]]


# As the merge itself finds renames, so that what is shown is what happens.
RENAMES = ("-M50%", "-l10000")
MERGING = (
    *("-c", "merge.renames=true"),
    *("-c", "merge.renameLimit=10000"),
    *("-c", "merge.directoryRenames=true"),
    *("-c", "merge.conflictStyle=zdiff3"),
)
# What `ls-tree -z` prints of a file (mode, type, id), and `ls-files --stage -z` (mode, id, stage).
_LISTED = re.compile(r"(\d{6}) (?:[a-z]+ )?([0-9a-f]{40,64})(?: \d)?\t([^\0]*)\0")
_AS_RENDERED = (
    *git.VERBATIM,
    *("-c", "core.attributesFile=/dev/null"),
    *("-c", "core.fileMode=true"),
    *("-c", "core.symlinks=true"),
    *("-c", "core.sparseCheckout=false"),
)


@dataclass(frozen=True)
class ScratchRepository:
    """A place to make and merge trees for one repository."""

    repository: Repository
    folder: Path
    _count: list[int] = field(default_factory=lambda: [0])
    _written: dict[frozenset[tuple[str, TreeEntry]], str] = field(default_factory=dict)
    _known: dict[str, bytes] = field(default_factory=dict)

    def git(
        self, *arguments: str, environ: Mapping[str, str] | None = None, given: str = ""
    ) -> str:
        """Run git so that it reads the repository's objects, but writes only here."""
        return self.repository.git(
            *arguments, environ={**self._aside, **(environ or {})}, given=given
        )

    @property
    def _aside(self) -> dict[str, str]:
        return {
            "GIT_OBJECT_DIRECTORY": str(self.folder / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(self.repository.objects),
        }

    def import_folder(self, folder: Path) -> Tree:
        """Add every file in a folder, ignored or not, whatever this machine's settings."""
        own = self.folder / "git"
        hashing = f"--object-format={self.repository.hashing}"
        git.run("init", "--quiet", "--bare", "--template=", hashing, str(own), cwd=folder)
        there = {"GIT_DIR": str(own), "GIT_WORK_TREE": str(folder), "GIT_ATTR_NOSYSTEM": "1"}
        environ = {**self._aside, **there, "GIT_INDEX_FILE": self._index()}
        options = (*git.ISOLATED, *_AS_RENDERED)
        git.run(*options, "add", "--all", "--force", ".", cwd=folder, environ=environ)
        listed = git.run("ls-files", "--stage", "-z", cwd=folder, environ=environ)
        return _entries(listed)

    def pack(self, tree: Tree) -> Pack:
        """Pack the contents of a tree, for `add_pack` of another scratch repository."""
        blobs = "".join(f"{entry.blob}\n" for entry in tree.values())
        name = self.git("pack-objects", "--quiet", str(self.folder / "packed"), given=blobs)
        objects = self.folder / f"packed-{name}.pack"
        return Pack(objects.read_bytes(), objects.with_suffix(".idx").read_bytes())

    def add_pack(self, name: str, pack: Pack) -> None:
        folder = self.folder / "objects" / "pack"
        folder.mkdir(exist_ok=True)
        (folder / f"pack-{name}.pack").write_bytes(pack.objects)
        (folder / f"pack-{name}.idx").write_bytes(pack.index)

    def tree(self, commit: str) -> Tree:
        """List the files of a commit or tree."""
        return _entries(self.git("ls-tree", "-r", "-z", "--full-tree", commit))

    def project_files(self, commit: str) -> Tree:
        """List the project's files in a commit, relative to the project."""
        prefix = self.repository.prefix
        files = self.tree(commit).items()
        return {p.removeprefix(prefix): entry for p, entry in files if p.startswith(prefix)}

    def work_tree(self) -> Tree:
        """List the tracked files as they are on disk."""
        index = self._index()
        if (self.repository.git_dir / "index").exists():
            shutil.copyfile(self.repository.git_dir / "index", index)
        self.git("add", "--update", ".", environ={"GIT_INDEX_FILE": index})
        tree = self.git("write-tree", environ={"GIT_INDEX_FILE": index})
        return self.tree(tree)

    def write(self, tree: Tree) -> str:
        """Write a tree once; return its id."""
        files = frozenset(tree.items())
        if files not in self._written:
            index = {"GIT_INDEX_FILE": self._index_of(tree)}
            self._written[files] = self.git("write-tree", environ=index)
        return self._written[files]

    def commit(
        self, tree: str, message: str, *parents: str, who: tuple[str, ...] = HEADSTART_IDENTITY
    ) -> str:
        """Commit a tree and return the id; `who` are the options that set the author."""
        above = [word for parent in parents for word in ("-p", parent)]
        return self.git(*who, "commit-tree", "--no-gpg-sign", tree, *above, given=message)

    def changes(self, before: str, after: str) -> tuple[Change, ...]:
        """Compare two trees, following renames."""
        listed = self.git("diff-tree", "-r", "-z", "--name-status", *RENAMES, before, after)
        return tuple(_changes(listed.split("\0")))

    def merge(self, ours: str, theirs: str, unmergeable: Iterable[str] = ()) -> Merged:
        """Merge two commits with one parent; of `unmergeable` paths keep both versions."""
        attributes = self.attributes(unmergeable)
        words = (*MERGING, *attributes, "merge-tree", "--write-tree", "-z", "--messages")
        done = git.call(
            *git.ISOLATED, *words, ours, theirs, cwd=self.repository.top, environ=self._aside
        )
        if done.code not in {0, 1}:
            raise git.GitError("git could not merge.", why=done.errors)
        return _merged(done.out)

    def attributes(self, unmergeable: Iterable[str]) -> tuple[str, ...]:
        """The options that make git treat those paths as binary."""
        path = self.folder / "attributes"
        path.write_text(
            "".join(f"{_quoted(name)} -merge\n" for name in unmergeable), encoding="utf-8"
        )
        return ("-c", f"core.attributesFile={path}")

    def contents(self, blobs: Iterable[str]) -> Mapping[str, bytes]:
        """Read the contents of files by id, all at once; known ones are not read again."""
        if wanted := set(blobs) - self._known.keys():
            ids = "".join(f"{blob}\n" for blob in wanted)
            output = self.git("cat-file", "--batch", given=ids)
            self._known.update(_batched(output.encode("utf-8", "surrogateescape")))
        return self._known

    def texts(self, tree: Tree, paths: Iterable[str]) -> dict[str, str]:
        """Read those of the paths that are plain files of a tree."""
        entries = {path: tree[path] for path in paths if path in tree and tree[path].is_plain}
        contents = self.contents(entry.blob for entry in entries.values())
        return {path: contents[e.blob].decode("utf-8", "replace") for path, e in entries.items()}

    def file(self, text: str, like: TreeEntry) -> TreeEntry:
        """Write a file with that content, and the mode of another."""
        return TreeEntry(like.mode, self.git("hash-object", "-w", "--stdin", given=text))

    def ignored(self, paths: Iterable[str]) -> frozenset[str]:
        """The paths that the project's own rules ignore."""
        words = ("check-ignore", "--no-index", "--stdin", "-z")
        done = git.call(*(*git.ISOLATED, *words), cwd=self.repository.top, given="\0".join(paths))
        return split_paths(done.out)

    def matching(self, patterns: Iterable[str], tree: Tree) -> frozenset[str]:
        """The paths of a tree that match patterns as in a .gitignore."""
        rules = self.folder / "patterns"
        rules.write_text("".join(f"{pattern}\n" for pattern in patterns), encoding="utf-8")
        words = ("ls-files", "--cached", "--ignored", f"--exclude-from={rules}", "-z")
        return split_paths(self.git(*words, environ={"GIT_INDEX_FILE": self._index_of(tree)}))

    def keep(self, commit: str, known: str) -> None:
        """Copy a commit into the repository, with all that the commit `known` does not have."""
        into = {
            "GIT_OBJECT_DIRECTORY": str(self.repository.objects),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(self.folder / "objects"),
        }
        words = ("pack-objects", "--revs", "--quiet", str(self.repository.objects / "pack/pack"))
        self.repository.git(*words, environ=into, given=f"{commit}\n^{known}\n")

    def _index_of(self, tree: Tree) -> str:
        index = self._index()
        lines = "".join(f"{entry.mode} {entry.blob}\t{path}\0" for path, entry in tree.items())
        words = ("update-index", "-z", "--index-info")
        self.git(*words, environ={"GIT_INDEX_FILE": index}, given=lines)
        return index

    def _index(self) -> str:
        self._count[0] += 1
        return str(self.folder / f"index-{self._count[0]}")


@contextmanager
def scratch_repository(repository: Repository) -> Iterator[ScratchRepository]:
    """Open a scratch repository, and remove it afterwards."""
    with tempfile.TemporaryDirectory(prefix="headstart-update-") as folder:
        Path(folder, "objects").mkdir()
        yield ScratchRepository(repository, Path(folder))


def _quoted(name: str) -> str:
    """Quote a path for gitattributes(5), so that it matches only itself."""
    literal = re.sub(r"([*?\[\\])", r"\\\1", f"/{name}")
    return json.dumps(literal, ensure_ascii=False)


def _entries(listed: str) -> dict[str, TreeEntry]:
    return {path: TreeEntry(mode, blob) for mode, blob, path in _LISTED.findall(listed)}


def _batched(output: bytes) -> Iterator[tuple[str, bytes]]:
    """Parse `cat-file --batch`: `id kind size`, the content, and a newline."""
    stream = io.BytesIO(output)
    while about := stream.readline():
        blob, _, size = about.decode().split()
        yield blob, stream.read(int(size))
        stream.read(1)


def _changes(words: list[str]) -> Iterator[Change]:
    left = iter(word for word in words if word)
    for status in left:
        old = next(left)
        new = next(left) if status[0] in "RC" else old
        yield Change(status[0], old, new)


def _merged(out: str) -> Merged:
    """Parse `merge-tree -z`: tree, conflicted files, and messages with their paths."""
    words = iter(out.split("\0"))
    tree = next(words)
    conflicts: dict[str, list[str]] = {}
    for staged in iter(lambda: next(words, ""), ""):
        conflicts.setdefault(staged.partition("\t")[2], [])
    for count in words:
        if not count.strip():
            continue
        paths = [next(words) for _ in range(int(count))]
        kind, _ = next(words), next(words)
        # git also calls something a conflict that it has decided: where a folder moved to, say.
        for path in conflicts.keys() & paths if kind.startswith("CONFLICT") else ():
            conflicts[path].append(kind[len("CONFLICT (") : -1])
    return Merged(tree, {path: tuple(kinds) for path, kinds in conflicts.items()})
