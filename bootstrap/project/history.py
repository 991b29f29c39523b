"""The first commit of a new project."""

from dataclasses import dataclass
from pathlib import Path

from bootstrap.project import git

BRANCH = "main"

_NEUTRAL_IDENTITY = ("-c", "user.name=Headstart", "-c", "user.email=headstart@localhost")


_NOT_THE_USER = (
    "git does not know your name (git config user.name, user.email): "
    "the first commit is by Headstart"
)


@dataclass(frozen=True)
class History:
    """What git knows of a new project; `notes` say what is not as one would expect."""

    repository: bool
    branch: str | None = None
    commit: str | None = None
    notes: tuple[str, ...] = ()


def begin(project: Path, *, parent: Path, message: str) -> History:
    """Make `project` a repository with one commit, unless `parent` is in one or there is no git."""
    if not git.available():
        return History(
            repository=False, notes=("git is not installed: no repository, no first commit",)
        )
    if git.is_inside_work_tree(parent):
        return History(
            repository=False, notes=("already inside a git repository: left to that one",)
        )
    try:
        git.run("-c", f"init.defaultBranch={BRANCH}", "init", "--quiet", cwd=project)
        git.run(*git.ISOLATED, "add", "--all", cwd=project)
    except git.GitError as error:
        return History(repository=(project / ".git").is_dir(), notes=(_sentence(error),))
    return _first_commit(project, message)


def _first_commit(project: Path, message: str) -> History:
    who, notes = identity(project)
    commit = (*git.ISOLATED, *who, "commit", "--quiet", "--message", message)
    try:
        try:
            git.run(*commit, cwd=project)
        except git.GitError as error:
            git.run(*commit, "--no-gpg-sign", cwd=project)
            notes = (*notes, f"the first commit is not signed ({_sentence(error)})")
    except git.GitError as error:
        return History(repository=True, branch=BRANCH, notes=(_sentence(error),))
    return History(True, BRANCH, git.run("rev-parse", "--short", "HEAD", cwd=project), notes)


def identity(project: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The options that say who commits, and a note where that is not the user."""
    try:
        for role in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"):
            git.run("-c", "user.useConfigOnly=true", "var", role, cwd=project)
    except git.GitError:
        return _NEUTRAL_IDENTITY, (_NOT_THE_USER,)
    return (), ()


def _sentence(error: git.GitError) -> str:
    return " ".join((error.what, *error.why[:1]))
