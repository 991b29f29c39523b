"""Push the branch of an update to its remote, and open a pull request for it.

Both can be done again: what is pushed is pushed, and a branch has one request at most. Nothing is
ever forced.
"""

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from bootstrap import processes
from bootstrap.errors import HeadstartError
from bootstrap.language import Said
from bootstrap.project import git
from bootstrap.project.repository import Repository

_SECONDS = 120.0
_LONGEST = 30_000  # characters of a description; GitHub takes 65,536
# How git reaches a remote is the user's business, as it is in a shell.
_REACHING = ("GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT", "GIT_ASKPASS", "GIT_PROXY_COMMAND")
_URL = re.compile(r"https?://[^\s\"',]+")
_SCP = re.compile(r"(?:[^@/]+@)?([^:/]+):(?!//)(.+)")


@dataclass(frozen=True)
class Pushed:
    """A branch that is at its remote; `new` unless it was there already."""

    remote: str
    new: bool


@dataclass(frozen=True)
class PullRequest:
    """A request to merge the branch; `new` unless there was one already, open or not."""

    url: str
    new: bool


@dataclass(frozen=True)
class Description:
    title: str
    text: str


@dataclass(frozen=True)
class _Forge:
    """A program that opens requests: how it is asked for those of a branch, and for a new one."""

    program: str
    open_ones: tuple[str, ...]
    create: tuple[str, ...]
    text: str
    base: str

    def of_fork(self, branch: str, path: str) -> tuple[str, ...]:
        """What names the branch of another repository, after `create`."""
        if self.program == "gh":
            return (f"{path.partition('/')[0]}:{branch}",)
        return (branch, "--head", path)


_GITHUB = _Forge(
    "gh",
    ("pr", "list", "--state", "all", "--json", "url", "--head"),
    ("pr", "create", "--head"),
    text="--body",
    base="--base",
)
_GITLAB = _Forge(
    "glab",
    ("mr", "list", "--all", "--output", "json", "--source-branch"),
    ("mr", "create", "--yes", "--source-branch"),
    text="--description",
    base="--target-branch",
)


def push(repository: Repository, branch: str) -> Pushed:
    """Push a branch to where git pushes the branch that is checked out; never by force."""
    remote = _remote(repository)
    ref = f"refs/heads/{branch}"
    words = ("push", "--porcelain", "--set-upstream", remote, f"{ref}:{ref}")
    environ = {name: os.environ[name] for name in _REACHING if name in os.environ}
    done = git.call(*git.CONFIGURED, *words, cwd=repository.top, environ=environ)
    if done.code != 0:
        refused = (line for line in done.out.splitlines() if line.startswith("!"))
        raise HeadstartError(
            Said(
                "The branch {branch} could not be pushed to {remote}.", branch=branch, remote=remote
            ),
            why=(*refused, *done.errors),
            next=(
                Said("try it by hand: git push {remote} {branch}", remote=remote, branch=branch),
                Said("then run the same command again"),
            ),
        )
    return Pushed(remote, new=not any(line.startswith("=") for line in done.out.splitlines()))


def request(repository: Repository, remote: str, branch: str, about: Description) -> PullRequest:
    """Open a pull request (GitHub) or a merge request (GitLab), unless there is one."""
    pushed_to = git.run("remote", "get-url", "--push", remote, cwd=repository.top)
    into = _upstream(repository) or remote
    address = (
        git.run("remote", "get-url", into, cwd=repository.top) if into != remote else pushed_to
    )
    host, path = parse_address(address)
    forge = _forge(host)
    page = f"https://{host}/{path}" if host else address
    by_hand = Said("open it by hand: {page}", page=page)
    if forge is None:
        raise HeadstartError(
            Said("{branch} is pushed, but no pull request was opened.", branch=branch),
            why=(Said("{host} is not known to be GitHub or GitLab", host=host or address),),
            next=(by_hand,),
        )
    if shutil.which(forge.program) is None:
        raise HeadstartError(
            Said("{branch} is pushed, but no pull request was opened.", branch=branch),
            why=(Said("{program} is not on PATH", program=forge.program),),
            next=(
                Said("install {program}, then run the same command again", program=forge.program),
                by_hand,
            ),
        )
    where = ("--repo", f"{host}/{path}" if forge is _GITHUB else f"https://{host}/{path}")
    there = _URL.search(_run(repository, (forge.program, *forge.open_ones, branch, *where)))
    if there:
        return PullRequest(there[0], new=False)
    base = _base(repository, into)
    fork = forge.of_fork(branch, parse_address(pushed_to)[1]) if into != remote else (branch,)
    onto = (forge.base, base) if base else ()
    words = ("--title", about.title, forge.text, about.text[:_LONGEST])
    said = _run(repository, (forge.program, *forge.create, *fork, *where, *onto, *words))
    found = _URL.findall(said)
    return PullRequest(found[-1] if found else "", new=True)


def parse_address(address: str) -> tuple[str, str]:
    """The host and the path of a remote; both empty for one on this machine."""
    if "://" in address:
        parts = urlsplit(address)
        host, path = (parts.hostname or "", parts.path) if parts.scheme != "file" else ("", "")
    else:
        found = _SCP.fullmatch(address)
        host, path = (found[1], found[2]) if found else ("", "")
    return host, path.strip("/").removesuffix(".git")


def _forge(host: str) -> _Forge | None:
    for forge, name, own in ((_GITHUB, "github", "GH_HOST"), (_GITLAB, "gitlab", "GITLAB_HOST")):
        if name in host or (host and host == os.environ.get(own)):
            return forge
    return None


def _remote(repository: Repository) -> str:
    """As git-push(1) finds it."""
    current = _current(repository)
    names = (f"branch.{current}.pushRemote", "remote.pushDefault", f"branch.{current}.remote")
    for name in names:
        if found := git.query("config", name, cwd=repository.top):
            return found
    remotes = git.query("remote", cwd=repository.top).splitlines()
    if "origin" in remotes or len(remotes) == 1:
        return "origin" if "origin" in remotes else remotes[0]
    raise HeadstartError(
        Said("There is no remote to push the branch to."),
        why=(
            Said(
                "remotes: {remotes}; none of them is origin",
                remotes=", ".join(remotes) or Said("none"),
            ),
        ),
        next=(
            "git remote add origin URL",
            Said("or choose one: git config remote.pushDefault NAME"),
        ),
    )


def _upstream(repository: Repository) -> str:
    """The remote that the checked-out branch follows: another than that of a fork."""
    words = ("config", f"branch.{_current(repository)}.remote")
    return git.query(*words, cwd=repository.top)


def _base(repository: Repository, remote: str) -> str:
    """The branch to merge into: the one that is checked out, if the remote has it."""
    current = _current(repository)
    there = f"refs/remotes/{remote}/{current}"
    return current if current and git.commit_id(there, repository.top) else ""


def _current(repository: Repository) -> str:
    return git.query("symbolic-ref", "--quiet", "--short", "HEAD", cwd=repository.top)


def _run(repository: Repository, command: Sequence[str]) -> str:
    quiet = {"GH_PROMPT_DISABLED": "1", "NO_PROMPT": "1", "NO_COLOR": "1"}
    environ = {**git.environment(os.environ), **quiet}
    done = processes.probe(command, environ=environ, cwd=repository.top, seconds=_SECONDS)
    if done.code != 0:
        raise HeadstartError(
            Said("{program} failed; the branch is pushed.", program=command[0]),
            why=tuple(done.output.splitlines()[-6:]),
            next=(
                f"{command[0]} auth status",
                Said("then run the same command again"),
            ),
        )
    return done.output
