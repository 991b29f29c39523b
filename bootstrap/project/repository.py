"""The git repository that a project lives in: its own, or one that holds it in a folder."""

import re
import shlex
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from bootstrap.errors import Refused
from bootstrap.files import exclusive, text_of
from bootstrap.language import Said
from bootstrap.project import git
from bootstrap.project.subjects import subject

OLDEST_GIT = (2, 38)  # the first whose merge-tree can merge without a work tree

TRAILER = "Headstart-Template"  # marks the commits of updates
BY_HEADSTART = f"%(trailers:key={TRAILER},valueonly,separator=%x20)"

_ANSWERS = 6  # of rev-parse, about a repository
_ASIDE = Said("commit them, or put them aside: git stash --include-untracked")
_UNDERWAY = {
    "MERGE_HEAD": Said("a merge"),
    "CHERRY_PICK_HEAD": Said("a cherry-pick"),
    "REVERT_HEAD": Said("a revert"),
    "rebase-merge": Said("a rebase"),
    "rebase-apply": Said("a rebase"),
    "BISECT_LOG": Said("a bisection"),
}


@dataclass(frozen=True)
class Repository:
    """A work tree, its git folder, and the project in it.

    `prefix` is where the project is, with a slash at its end, and empty at the top. `hashing` is
    how objects are named here: sha1 or sha256.
    """

    top: Path
    git_dir: Path
    objects: Path
    prefix: str
    hashing: str

    @property
    def notes(self) -> Path:
        """Headstart's own folder, beside git's state of this work tree."""
        return self.git_dir / "headstart"

    def git(
        self, *arguments: str, environ: Mapping[str, str] | None = None, given: str = ""
    ) -> str:
        """Run git at the top of the work tree, isolated from this machine's settings."""
        return git.run(*git.ISOLATED, *arguments, cwd=self.top, environ=environ, given=given)

    def head(self) -> str:
        return _loose_head(self) or self.git("rev-parse", "HEAD")

    def refs_at_most(self, name: str) -> int:
        """How many refs of that name, or in a folder of that name, there can be; without git."""
        common = self.objects.parent
        if (common / "reftable").exists():
            return sys.maxsize
        place = common / name
        loose = len(list(place.iterdir())) if place.is_dir() else int(place.is_file())
        return loose + text_of(common / "packed-refs").count(f" {name}")

    def switch(self, before: str, after: str, paths: Iterable[str]) -> None:
        """Let index and files follow from one tree to another; if anything is in the way, neither.

        It is git's own two-tree merge: sparse patterns, filters and line ends are as configured.
        `paths` are those that differ.
        """
        unwatched = self.refresh()
        with self.keeping_modes(before, paths):
            self.git("read-tree", "-m", "-u", before, after)
        # Git forgets this flag of the files that it writes.
        if lost := unwatched and unwatched - _assumed_unchanged(self._flags()):
            there = lost & git.split_paths(self.git("ls-files", "-z"))
            paths = "".join(f"{path}\0" for path in sorted(there))
            self.git("update-index", "--assume-unchanged", "-z", "--stdin", given=paths)

    @contextmanager
    def keeping_modes(self, before: str, paths: Iterable[str]) -> Iterator[None]:
        """Let files stay executable, or not, where git is told not to look at that.

        Git writes a file with the mode that is committed (`core.fileMode`).
        """
        was = {path: mode for path in paths if stat.S_ISREG(mode := _mode(self.top / path))}
        yield
        changed = {
            path: mode
            for path, mode in was.items()
            if stat.S_ISREG(now := _mode(self.top / path)) and (now ^ mode) & stat.S_IXUSR
        }
        if not changed:
            return
        here = self.git("--literal-pathspecs", "ls-files", "--stage", "-z", "--", *changed)
        there = self.git("--literal-pathspecs", "ls-tree", "-r", "-z", before, "--", *changed)
        staged, committed = ({*_modes_of(each)} for each in (here, there))
        for path, mode in changed.items():
            if any((kind, path) in staged for kind, name in committed if name == path):
                (self.top / path).chmod(stat.S_IMODE(mode))

    def refresh(self) -> frozenset[str]:
        """Let git note of files that hold what it has of them how they are now.

        It passes over files that are marked, and would take one that was put back for an edited
        one: these are unmarked in a copy of the index, so that no mark can get lost. Returns the
        files that git is told to assume unchanged.
        """
        git.query(*git.CONFIGURED, "update-index", "-q", "--refresh", cwd=self.top)
        flags = self._flags()
        if any(_is_marked(flag) for flag in flags.values()):
            with suppress(OSError):  # without room for a copy they stay as they are
                self._refresh_marked(flags)
        return _assumed_unchanged(flags)

    def _refresh_marked(self, flags: Mapping[str, str]) -> None:
        """The same for files that are marked; where git fails, they are as they were."""
        assumed, skipped = _assumed_unchanged(flags), self._skipped(flags)
        copy = self.notes / "index"
        is_unmarked = self._copy_unmarked_index(copy, assumed, skipped)
        self._update_index(copy, "-q", "--refresh")  # its code tells of edited files
        marked = (
            self._update_index(copy, "--skip-worktree", paths=skipped),
            self._update_index(copy, "--assume-unchanged", paths=assumed),
        )
        if is_unmarked and not any(marked):
            copy.replace(self.git_dir / "index")

    def _copy_unmarked_index(
        self, copy: Path, assumed: frozenset[str], skipped: frozenset[str]
    ) -> bool:
        """Copy the index without these marks; whether git has taken all of them away."""
        shutil.copyfile(self.git_dir / "index", copy)
        codes = (
            self._update_index(copy, "--no-assume-unchanged", paths=assumed),
            self._update_index(copy, "--no-skip-worktree", paths=skipped),
        )
        return not any(codes)

    def _update_index(self, index: Path, *words: str, paths: frozenset[str] = frozenset()) -> int:
        given = "".join(f"{path}\0" for path in sorted(paths))
        listed = ("-z", "--stdin") if paths else ()
        command = (*git.CONFIGURED, "update-index", *words, *listed)
        aside = {"GIT_INDEX_FILE": str(index)}
        return git.call(*command, cwd=self.top, environ=aside, given=given).code

    def edited_unseen(self, paths: frozenset[str]) -> frozenset[str]:
        """Those of the paths that are edited, and marked so that git does not look at them."""
        flags = {path: flag for path, flag in self._flags().items() if path in paths}
        assumed, skipped = _assumed_unchanged(flags), self._skipped(flags)
        if not (assumed or skipped):
            return frozenset()
        words = ("diff", "--name-only", "--no-renames", "-z")
        with tempfile.TemporaryDirectory(prefix="headstart-index-") as folder:
            copy = Path(folder) / "index"
            self._copy_unmarked_index(copy, assumed, skipped)
            seen = self.git(*words, environ={"GIT_INDEX_FILE": str(copy)})
        return git.split_paths(seen) & (assumed | skipped)

    def unwatched(self) -> frozenset[str]:
        """The files that git is told not to look at: what they hold is nobody's to write over."""
        return frozenset(path for path, flag in self._flags().items() if _is_marked(flag))

    def _skipped(self, flags: Mapping[str, str]) -> frozenset[str]:
        """Files that are there although they are marked to be skipped."""
        marked = (path for path, flag in flags.items() if flag.upper() == "S")
        return frozenset(path for path in marked if (self.top / path).is_file())

    def _flags(self) -> dict[str, str]:
        """What `ls-files -v` says of each path."""
        listed = git.split_paths(git.query("ls-files", "-v", "-z", cwd=self.top))
        return {line[2:]: line[0] for line in sorted(listed)}

    def differing(self, *sides: str) -> frozenset[str]:
        """The paths that `git diff` finds, between two commits for example."""
        return git.split_paths(self.git("diff", "--name-only", "--no-renames", "-z", *sides))

    def path(self, name: str) -> str:
        """A path of the repository, relative to the project."""
        return name.removeprefix(self.prefix)


def open_repository(project: Path) -> Repository:
    """The repository of the project in the folder `project`, if git can merge there."""
    _check_git()
    # It is asked for the commit's tree last: without one it has answered all else.
    found = git.call(
        *("rev-parse", "--path-format=absolute", "--show-toplevel", "--git-dir"),
        *("--git-path", "objects", "--show-prefix", "--show-object-format", "HEAD^{tree}"),
        cwd=project,
    )
    if found.code == 0:
        answers = found.out.removesuffix("\n").split("\n")
        if len(answers) > _ANSWERS:
            raise Refused(
                Said(
                    "There is a line break in the name of a folder: {folder}",
                    folder=repr(project.as_posix()),
                ),
                why=(
                    Said("git's list of other repositories has one a line, and an update needs it"),
                ),
                next=(Said("rename the folder"),),
            )
        top, git_dir, objects, prefix, hashing, _ = answers
        return Repository(Path(top), Path(git_dir), Path(objects), prefix, hashing)
    if git.call("rev-parse", "--git-dir", cwd=project).code != 0:
        raise _unreadable(project, found.errors) if _seems_kept(project) else _not_kept(project)
    head = git.call("cat-file", "-e", "HEAD^{tree}", cwd=project)
    if git.call("rev-parse", "--verify", "--quiet", "HEAD", cwd=project).code == 0:
        raise _unreadable(project, head.errors)
    raise Refused(
        Said("{project} has no commit yet.", project=project),
        next=(f"git add --all && git commit -m '{_before(project)}'",),
    )


def require_idle(repository: Repository) -> None:
    """Refuse while git is in the middle of something."""
    for name, what in _UNDERWAY.items():
        if (repository.git_dir / name).exists():
            raise Refused(
                Said("git is in the middle of {what} here.", what=what),
                next=(Said("finish or abort it first"),),
            )


def require_clean_index(repository: Repository) -> None:
    """Refuse while git is in the middle of something, or something is staged."""
    require_idle(repository)
    if staged := repository.git("diff", "--cached", "--name-only"):
        raise Refused(
            Said("There are staged changes."),
            why=tuple(staged.splitlines()),
            next=(Said("commit them, or unstage them: git restore --staged ."),),
        )


def require_clean_paths(repository: Repository, touched: frozenset[str]) -> frozenset[str]:
    """Refuse if changes or files of yours are where an update would write; return all others."""
    names = not_as_committed(repository)
    if unseen := repository.edited_unseen(touched):
        raise _unseen(unseen)
    blocking = sorted(name for name in names if any(_overlap(name, path) for path in touched))
    if blocking:
        raise Refused(
            Said("Changes that are not committed are in the way."),
            why=tuple(blocking),
            next=_out_of_the_way({name: names[name] for name in blocking}),
        )
    return frozenset(names)


def not_as_committed(repository: Repository) -> Mapping[str, str]:
    """The paths that are changed, untracked or ignored, with what `git status` says of each."""
    options = ("--porcelain", "-z", "--no-renames", "--untracked-files=all", "--ignored")
    try:
        listed = repository.git("status", *options).split("\0")
    except git.GitError as error:  # a filter that fails, for one
        raise Refused(
            Said("git cannot tell whether your files are as they are committed."),
            why=error.why,
            next=(Said("mend that, until git status succeeds; then run the same command again"),),
        ) from error
    return {line[3:]: line[:2] for line in listed if line}


def _out_of_the_way(blocking: Mapping[str, str]) -> tuple[str, ...]:
    """How to get files out of the way, by what `git status` says of them."""
    # git stash passes over what is ignored, and over repositories.
    fixed = [name for name, is_now in blocking.items() if is_now == "!!" or name.endswith("/")]
    stashed = len(fixed) < len(blocking)
    return (
        *((_ASIDE,) if stashed else ()),
        *((_moved(fixed),) if fixed else ()),
    )


def _moved(names: list[str]) -> Said:
    return Said("move or rename what git does not keep: {names}", names=shlex.join(names))


def _unseen(paths: frozenset[str]) -> Refused:
    listed = shlex.join(sorted(paths))
    return Refused(
        Said("Changes are in the way that git was told not to look at."),
        why=tuple(sorted(paths)),
        next=(
            Said(
                "let git see them: git update-index --no-assume-unchanged {listed}", listed=listed
            ),
            Said("and: git update-index --no-skip-worktree {listed}", listed=listed),
            Said("then commit them, or put them aside: git stash"),
        ),
    )


@contextmanager
def locked(repository: Repository) -> Iterator[None]:
    """Let only one Headstart at a time change this work tree; a dead one holds no lock."""
    repository.notes.mkdir(exist_ok=True)
    with exclusive(repository.notes / "lock", _refuse):
        yield


def _refuse(_holder: str) -> NoReturn:
    raise Refused(
        Said("Another headstart is updating this project."), next=(Said("wait until it is done"),)
    )


def _is_marked(flag: str) -> bool:
    return flag.islower() or flag == "S"


def _assumed_unchanged(flags: Mapping[str, str]) -> frozenset[str]:
    return frozenset(path for path, flag in flags.items() if flag.islower())


def _seems_kept(project: Path) -> bool:
    return any((folder / ".git").exists() for folder in (project, *project.parents))


def _not_kept(project: Path) -> Refused:
    return Refused(
        Said("{project} is in no git repository.", project=project),
        why=(Said("an update is a commit, so that nothing of yours can be lost"),),
        next=(f"git init && git add --all && git commit -m '{_before(project)}'",),
    )


def _before(project: Path) -> str:
    return subject(project, "chore", "Before the update")


def _unreadable(project: Path, errors: tuple[str, ...]) -> Refused:
    return Refused(
        Said("git cannot read the repository of {project}.", project=project),
        why=errors,
        next=("git status && git fsck",),
    )


def _mode(path: Path) -> int:
    try:
        return path.lstat().st_mode
    except OSError:
        return 0


def _modes_of(listed: str) -> Iterator[tuple[str, str]]:
    """The mode and the path of each entry that git lists."""
    for line in listed.split("\0"):
        about, _, path = line.partition("\t")
        yield about.partition(" ")[0], path


def _loose_head(repository: Repository) -> str:
    """The commit that is checked out, without a process; empty where that needs git.

    A branch's own file goes before what is packed (gitrepository-layout), so it may be believed.
    """
    text = text_of(repository.git_dir / "HEAD").strip()
    if text.startswith("ref: "):
        text = text_of(repository.objects.parent / text.removeprefix("ref: ")).strip()
    return text if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", text) else ""


def _overlap(name: str, path: str) -> bool:
    """Whether one is the other, or a folder above it."""
    name = name.rstrip("/")
    return name == path or path.startswith(f"{name}/") or name.startswith(f"{path}/")


def _check_git() -> None:
    version = git.run("--version", cwd=Path("/"))
    numbers = re.search(r"(\d+)\.(\d+)", version)
    if numbers and tuple(map(int, numbers.groups())) < OLDEST_GIT:
        raise Refused(
            Said(
                "This needs git {oldest} or newer; here is {version}.",
                oldest=".".join(map(str, OLDEST_GIT)),
                version=version,
            ),
            why=(Said("older ones cannot merge without touching your files"),),
            next=(Said("install a newer git: brew install git, or your distribution's"),),
        )
