"""Put an update on a branch of its own, without touching the work tree.

The branch appears with its commit or not at all, and one that is there already is never moved.
"""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import Refused, UsageError
from bootstrap.language import Said
from bootstrap.project import commits, git
from bootstrap.project.commits import CommitOptions
from bootstrap.project.merge import Proposal
from bootstrap.project.repository import Repository
from bootstrap.project.trees import ScratchRepository
from bootstrap.project.update_state import remove_locks


@dataclass(frozen=True)
class Branch:
    """A branch that holds an update, and the number of commits on top of it."""

    name: str
    commit: str
    made: bool
    on_top: int = 0


def default_name(version: str) -> str:
    return f"headstart/update-{version.removeprefix('v')}"


def check_name(name: str) -> None:
    """Refuse a name that git does not accept for a branch."""
    if git.call("check-ref-format", "--branch", name, cwd=Path("/")).code != 0:
        raise UsageError(
            Said("git does not accept the branch name {name}.", name=repr(name)),
            next=("headstart fleet update --branch chore/template",),
        )


def name_in(repository: Repository, name: str) -> str:
    """The branch's name in a repository: projects that share one have a branch each."""
    folder = re.sub(r"[^\w-]+", "-", repository.prefix).strip("-")
    return f"{name}-{folder}" if folder else name


def checked_out(repository: Repository) -> str:
    """The branch that is checked out; if none is, the commit."""
    words = ("symbolic-ref", "--quiet", "--short", "HEAD")
    return git.query(*words, cwd=repository.top) or repository.head()[:10]


def make(
    scratch: ScratchRepository, proposal: Proposal, message: str, name: str, options: CommitOptions
) -> Branch:
    """Put a clean update on the new branch `name`, unless it is there already."""
    repository = scratch.repository
    _require_room(repository, name)
    remove_locks(repository, f"refs/heads/{name}")
    if existing := _existing(scratch, proposal, name):
        return existing
    commit = commits.commit_aside(scratch, proposal.merged, message, proposal.head, options)
    with _undisturbed():
        scratch.keep(commit, known=proposal.head)
        why = ("--create-reflog", "-m", "headstart fleet update")
        repository.git("update-ref", *why, f"refs/heads/{name}", commit, "")  # only if new
    return Branch(name, commit, made=True)


def _require_room(repository: Repository, name: str) -> None:
    """Refuse where another branch has the name of a folder in this one's, or the reverse."""
    above = [str(each) for each in Path(name).parents][:-1]
    refs = (f"refs/heads/{each}" for each in (name, *above))
    listed = repository.git("for-each-ref", "--format=%(refname:lstrip=2)", *refs)
    for branch in listed.splitlines():
        if branch in above or branch.startswith(f"{name}/"):
            raise Refused(
                Said(
                    "There is a branch {branch}: git can have none beside it "
                    "that is called {name}.",
                    branch=branch,
                    name=name,
                ),
                next=(
                    Said("take another name: headstart fleet update --branch NAME"),
                    Said("or rename yours: git branch -m {branch} NAME", branch=branch),
                ),
            )


def _existing(scratch: ScratchRepository, proposal: Proposal, name: str) -> Branch | None:
    """The branch, if it begins with this update of the checked-out commit."""
    ref = f"refs/heads/{name}"
    known = git.commit_id(ref, scratch.repository.top)
    if not known:
        return None
    words = ("rev-list", "--first-parent", "--reverse", "--no-commit-header", "--format=%H %T %P")
    commits = scratch.git(*words, f"{proposal.head}..{ref}").splitlines()
    update = f"{proposal.merged} {proposal.head}"
    if commits and commits[0].partition(" ")[2] == update:
        return Branch(name, commits[0].partition(" ")[0], made=False, on_top=len(commits) - 1)
    raise Refused(
        Said(
            "There is a branch {name} already, and it does not begin with this update.", name=name
        ),
        why=(Said("it is at {commit}; a branch that is there is never moved", commit=known[:10]),),
        next=(
            Said("merge it, or delete it: git branch -D {name}", name=name),
            Said("or take another name: headstart fleet update --branch NAME"),
        ),
    )


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Delay the signals that end this process: git would leave a lock behind."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
