"""Trees, and a scratch repository to work on them without touching the project's repository.

Its objects are in a folder of their own; it reads the repository's as well. Only `keep` copies
some into it.
"""

import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from bootstrap.language import Said
from bootstrap.project import git, releases
from bootstrap.project.git import HEADSTART, HEADSTART_IDENTITY, LastingGit, split_paths
from bootstrap.project.objects import (
    RENAMES,
    Change,
    ObjectReader,
    ObjectWriter,
    Tree,
    TreeComparer,
    TreeEntry,
)
from bootstrap.project.repository import Repository

__all__ = [
    "MERGING",
    "RENAMES",
    "Change",
    "Merged",
    "ScratchRepository",
    "Tree",
    "TreeEntry",
    "scratch_repository",
]


class Merged(NamedTuple):
    """A merge: its tree, and git's kinds of conflict by path."""

    tree: str
    conflicts: Mapping[str, tuple[str, ...]]


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


class ScratchRepository:
    """A place to make and merge trees for one repository."""

    def __init__(self, repository: Repository, folder: Path) -> None:
        self.repository, self.folder = repository, folder
        self._lasting: list[LastingGit] = []
        self._borrowed: list[Path] = []
        self._known: dict[str, bytes] = {}
        self._count = 0
        (folder / "objects/info").mkdir(parents=True)
        self.borrow(repository.objects)

    def borrow(self, objects: Path) -> None:
        """Read objects from another folder of them too."""
        if objects not in self._borrowed:
            self._borrowed.append(objects)
            lines = "".join(f"{each}\n" for each in self._borrowed)
            (self.folder / "objects/info/alternates").write_text(lines, encoding="utf-8")
            self.close()  # what is running has read that file already

    def close(self) -> None:
        """End the processes that read here; they start again when something is to be read."""
        for each in self._lasting:
            each.close()

    def git(
        self, *arguments: str, environ: Mapping[str, str] | None = None, given: str = ""
    ) -> str:
        """Run git so that it reads the repository's objects, but writes only here."""
        return self.repository.git(
            *arguments, environ={**self._aside, **(environ or {})}, given=given
        )

    @property
    def _aside(self) -> dict[str, str]:
        return {"GIT_OBJECT_DIRECTORY": str(self.folder / "objects")}

    @cached_property
    def _reader(self) -> ObjectReader:
        return ObjectReader(self._last("cat-file", "--batch"))

    @cached_property
    def _comparer(self) -> TreeComparer:
        words = ("diff-tree", "--stdin", "-r", "-z", "--name-status", *RENAMES)
        return TreeComparer(self._last(*words))

    @cached_property
    def _writer(self) -> ObjectWriter:
        return ObjectWriter(
            self.folder / "objects", self.repository.hashing, known=self._reader.seen
        )

    def _last(self, *arguments: str) -> LastingGit:
        words = (*git.ISOLATED, *arguments)
        self._lasting.append(LastingGit(*words, cwd=self.repository.top, environ=self._aside))
        return self._lasting[-1]

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

    def tree(self, commit: str) -> Tree:
        """List the files of a commit or tree."""
        return self._reader.files(commit)

    def project_files(self, commit: str) -> Tree:
        """List the project's files in a commit, relative to the project."""
        prefix = self.repository.prefix
        files = self.tree(commit).items()
        return {p.removeprefix(prefix): entry for p, entry in files if p.startswith(prefix)}

    def work_tree(self) -> Tree:
        """List the tracked files as they are on disk."""
        index = self._index()
        if (self.repository.git_dir / "index").exists():
            # With its time: what was written since is looked at again, not taken as it is known.
            shutil.copy2(self.repository.git_dir / "index", index)
        self.git("add", "--update", ".", environ={"GIT_INDEX_FILE": index})
        tree = self.git("write-tree", environ={"GIT_INDEX_FILE": index})
        return self.tree(tree)

    def write(self, tree: Tree) -> str:
        """Write a tree; return its id."""
        return self._writer.write_tree(tree)

    def commit(
        self, tree: str, message: str, *parents: str, who: tuple[str, ...] = HEADSTART_IDENTITY
    ) -> str:
        """Commit a tree and return the id; `who` are the options that set the author."""
        if who == HEADSTART_IDENTITY:
            return self._commit(self._reader.read(f"{tree}^{{tree}}").id, message, parents)
        above = [word for parent in parents for word in ("-p", parent)]
        return self.git(*who, "commit-tree", "--no-gpg-sign", tree, *above, given=message)

    def _commit(self, tree: str, message: str, parents: Iterable[str]) -> str:
        now = f"{HEADSTART} {int(time.time())} +0000"
        head = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines = [*head, f"author {now}", f"committer {now}", "", message.rstrip("\n"), ""]
        return self._writer.write("commit", "\n".join(lines).encode("utf-8", "surrogateescape"))

    def commit_text(self, commit: str) -> str:
        """A commit as git keeps it: its headers, an empty line, its message."""
        return self._reader.read(commit).content.decode("utf-8", "surrogateescape")

    def has(self, commit: str) -> bool:
        return self._reader.find(f"{commit}^{{commit}}") is not None

    def changes(self, before: str, after: str) -> tuple[Change, ...]:
        """Compare two commits or trees, following renames."""
        trees = (
            each.id for each in self._reader.read_all(f"{s}^{{tree}}" for s in (before, after))
        )
        return self._comparer.changes(*trees)

    def merge(self, ours: str, theirs: str, unmergeable: Iterable[str] = ()) -> Merged:
        """Merge two commits with one parent; of `unmergeable` paths keep both versions."""
        attributes = self.attributes(unmergeable)
        words = (*MERGING, *attributes, "merge-tree", "--write-tree", "-z", "--messages")
        done = git.call(
            *git.ISOLATED, *words, ours, theirs, cwd=self.repository.top, environ=self._aside
        )
        if done.code not in {0, 1}:
            raise git.GitError(Said("git could not merge."), why=done.errors)
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
        wanted = sorted(set(blobs) - self._known.keys())
        self._known |= {each.id: each.content for each in self._reader.read_all(wanted)}
        return self._known

    def content(self, blob: str) -> bytes:
        """Read the content of one file."""
        return self.contents([blob])[blob]

    def texts(self, tree: Tree, paths: Iterable[str]) -> dict[str, str]:
        """Read those of the paths that are plain files of a tree."""
        entries = {path: tree[path] for path in paths if path in tree and tree[path].is_plain}
        contents = self.contents(entry.blob for entry in entries.values())
        return {path: contents[e.blob].decode("utf-8", "replace") for path, e in entries.items()}

    def file(self, text: str, like: TreeEntry) -> TreeEntry:
        """Write a file with that content, and the mode of another."""
        return TreeEntry(like.mode, self.write_blob(text.encode("utf-8", "surrogateescape")))

    def write_blob(self, content: bytes) -> str:
        """Write a file's content; return its id."""
        return self._writer.write("blob", content)

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

    def keep(self, *commits: str, known: str) -> None:
        """Copy commits or trees into the repository, with all that `known` does not have."""
        into = {
            "GIT_OBJECT_DIRECTORY": str(self.repository.objects),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(self.folder / "objects"),
        }
        words = ("pack-objects", "--revs", "--quiet", str(self.repository.objects / "pack/pack"))
        self.repository.git(
            *words, environ=into, given="".join(f"{each}\n" for each in (*commits, f"^{known}"))
        )

    def _index_of(self, tree: Tree) -> str:
        index = self._index()
        lines = "".join(f"{entry.mode} {entry.blob}\t{path}\0" for path, entry in tree.items())
        words = ("update-index", "-z", "--index-info")
        self.git(*words, environ={"GIT_INDEX_FILE": index}, given=lines)
        return index

    def _index(self) -> str:
        self._count += 1
        return str(self.folder / f"index-{self._count}")


@contextmanager
def scratch_repository(repository: Repository) -> Iterator[ScratchRepository]:
    """Open a scratch repository, and remove it afterwards."""
    with tempfile.TemporaryDirectory(prefix="headstart-update-") as folder:
        scratch = ScratchRepository(repository, Path(folder))
        if (known := releases.kept_repository()) and repository.hashing == releases.HASHING:
            scratch.borrow(known / "objects")  # most of what is read besides is there
        try:
            yield scratch
        finally:
            scratch.close()


def _quoted(name: str) -> str:
    """Quote a path for gitattributes(5), so that it matches only itself."""
    literal = re.sub(r"([*?\[\\])", r"\\\1", f"/{name}")
    return json.dumps(literal, ensure_ascii=False)


def _entries(listed: str) -> dict[str, TreeEntry]:
    return {path: TreeEntry(mode, blob) for mode, blob, path in _LISTED.findall(listed)}


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
