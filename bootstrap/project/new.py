"""Make a new project with its first commit: it appears complete, or not at all."""

from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import HeadstartError
from bootstrap.language import Said
from bootstrap.project import git
from bootstrap.project.answers import Answers
from bootstrap.project.destination import acceptable, home, move_into_place, staging
from bootstrap.project.renders import render
from bootstrap.project.template import Template

BRANCH = "main"
_NOT_THE_USER = (
    "git does not know your name (git config user.name, user.email): "
    "the first commit is by Headstart"
)


@dataclass(frozen=True)
class History:
    """A new project's git history; `notes` say what is unusual about it."""

    repository: bool
    branch: str | None = None
    commit: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Created:
    """A new project: its path, the number of rendered files, and its history."""

    path: Path
    files: int
    history: History


def create(destination: Path, answers: Answers, template: Template) -> Created:
    """Render `template` with `answers` at `destination` and begin its history."""
    path = acceptable(destination)
    try:
        with staging(path) as folder:
            project = folder / path.name
            render(template, answers, project)
            files = sum(not file.is_dir() for file in project.rglob("*"))
            message = f"Start {path.name} from Headstart {template.version}"
            history = _begin_history(project, home(path), message)
            move_into_place(project, path)
    except OSError as error:
        raise HeadstartError(
            Said("{path} could not be made.", path=path),
            why=(error.strerror or str(error),),
            next=(Said("nothing was left behind; when that is fixed, run the same command again"),),
        ) from error
    return Created(path, files, history)


def _begin_history(project: Path, parent: Path, message: str) -> History:
    """Create a repository with one commit, unless there is one already, or no git."""
    if not git.available():
        return History(False, notes=("git is not installed: no repository, no first commit",))
    if git.is_inside_work_tree(parent):
        return History(False, notes=("already inside a git repository: left to that one",))
    try:
        git.run("-c", f"init.defaultBranch={BRANCH}", "init", "--quiet", cwd=project)
        git.run(*git.ISOLATED, *git.VERBATIM, "add", "--all", cwd=project)
    except git.GitError as error:
        return History((project / ".git").is_dir(), notes=(_sentence(error),))
    try:
        return _first_commit(project, message)
    except git.GitError as error:
        return History(True, BRANCH, notes=(_sentence(error),))


def _first_commit(project: Path, message: str) -> History:
    who = git.identity(project)
    notes = (_NOT_THE_USER,) if who else ()
    commit = (*git.ISOLATED, *who, "commit", "--quiet", "--message", message)
    try:
        git.run(*commit, cwd=project)
    except git.GitError as error:
        git.run(*commit, "--no-gpg-sign", cwd=project)
        notes = (*notes, f"the first commit is not signed ({_sentence(error)})")
    return History(True, BRANCH, git.run("rev-parse", "--short", "HEAD", cwd=project), notes)


def _sentence(error: git.GitError) -> str:
    return " ".join((error.what, *error.why[:1]))
