"""git-flow: work goes into develop, releases and hotfixes into main and back.

https://nvie.com/posts/a-successful-git-branching-model
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from workflow import releasing, versions
from workflow.branches import WORK, Branches
from workflow.errors import Refused
from workflow.merging import is_merging, merge
from workflow.repository import Repository
from workflow.versions import SEMVER, Version

MAIN = "main"
# The branch of the next release; a repository may have it by its other name.
DEVELOP = ("develop", "development")
BRANCHES = Branches(
    lasting=(MAIN, *DEVELOP),
    patterns=(WORK, rf"release-v{SEMVER}", rf"hotfix/v?{SEMVER}", r"hotfix/[A-Za-z][\w./-]*"),
    into_main=rf"release-v{SEMVER}|hotfix/.+",
    versioned=("release-v", "hotfix/v"),
)


@dataclass(frozen=True)
class Kind:
    """A branch that becomes a version."""

    name: str
    prefix: str

    def open_ones(self, repository: Repository) -> list[str]:
        """Those that are here and named after a version."""
        names = repository.branches(f"{self.prefix}*")
        return [name for name in names if versions.found(name.removeprefix(self.prefix))]


RELEASE = Kind("release", "release-v")
HOTFIX = Kind("hotfix", "hotfix/v")


def release_start(repository: Repository, version: str) -> str:
    """Begin a release: its branch, the version, its section in the changelog."""
    return _start(repository, RELEASE, versions.asked_for(version))


def release_finish(repository: Repository, _: str) -> str:
    """End it: into main, its tag, and back into develop."""
    return _finish(repository, RELEASE)


def hotfix_start(repository: Repository, version: str) -> str:
    """Begin a hotfix of what main has: its branch and the version."""
    return _start(repository, HOTFIX, versions.asked_for(version))


def hotfix_finish(repository: Repository, _: str) -> str:
    """End it: into main, its tag, into develop and into a release that is open."""
    return _finish(repository, HOTFIX)


RELEASES: Mapping[str, Callable[[Repository, str], str]] = {
    "release-start": release_start,
    "release-finish": release_finish,
    "hotfix-start": hotfix_start,
    "hotfix-finish": hotfix_finish,
}


def develop_of(repository: Repository) -> str:
    """What the branch of the next release is called here."""
    for name in DEVELOP:
        if repository.track(name):
            return name
    raise Refused("There is no branch develop.", f"git branch develop {MAIN}")


def _start(repository: Repository, kind: Kind, version: Version) -> str:
    branch = f"{kind.prefix}{version}"
    releasing.require_quiet(repository)
    if repository.branch() != branch:  # else it has begun, and was interrupted
        base = develop_of(repository) if kind is RELEASE else MAIN
        releasing.require_branch(repository, base)
        releasing.require_clean(repository)
        releasing.fetch(repository)
        releasing.require_current(repository, base)
        releasing.require_new(repository, version)
        _require_no_other(repository, kind, branch, base)
        if kind is RELEASE:
            releasing.require_something(repository, base)
        elif not releasing.last_tag(repository, base):
            raise Refused("No version was released yet, so there is none to fix.")
        create = () if repository.has(f"refs/heads/{branch}") else ("--create",)
        repository.git("switch", "--quiet", *create, branch)
    # A hotfix has nothing to tell yet.
    files = releasing.OWN_FILES if kind is RELEASE else releasing.VERSIONED
    releasing.commit(repository, version, *files)
    return f"{branch} is ready. What is still missing goes there; then: make {kind.name}-finish"


def _require_no_other(repository: Repository, kind: Kind, branch: str, base: str) -> None:
    """One at a time. One that is where it began was interrupted then."""
    for name in kind.open_ones(repository):
        if name != branch or repository.commit_of(name) != repository.commit_of(base):
            raise Refused(
                f"{name} is there already.", f"git switch {name}", f"make {kind.name}-finish"
            )
    for each in (RELEASE, HOTFIX):
        same = f"{each.prefix}{branch.removeprefix(kind.prefix)}"
        if each is not kind and repository.has(f"refs/heads/{same}"):
            raise Refused(f"{same} is to be that version.", f"git switch {same}")
    if repository.upstream(branch):
        raise Refused(f"{branch} was pushed already.", f"git switch {branch}")


def _finish(repository: Repository, kind: Kind) -> str:
    branch = _to_finish(repository, kind)
    version = versions.asked_for(branch.removeprefix(kind.prefix))
    develop = develop_of(repository)
    if not repository.track(MAIN):
        raise Refused(f"There is no branch {MAIN}.")
    others = RELEASE.open_ones(repository) if kind is HOTFIX else []
    releasing.require_branch(repository, branch, MAIN, develop, *others)
    back = [(version.tag, target) for target in (develop, *others)]
    if not any(is_merging(repository, *step) for step in [(branch, MAIN), *back]):
        releasing.require_quiet(repository)
        releasing.fetch(repository)
        releasing.require_current(repository, MAIN, develop, branch, *others)
        _prepare(repository, kind, branch, version)
    merge(repository, branch, MAIN)
    releasing.tag(repository, version, MAIN)
    for step in back:
        merge(repository, *step)
    repository.switch(develop)
    pushed = [each for each in others if repository.upstream(each)]
    gone = [f":{branch}"] if repository.upstream(branch) else []
    names = (MAIN, develop, *pushed, version.tag, *gone)
    told = releasing.push_command(repository, *names)
    repository.git("branch", "--quiet", "--delete", "--force", branch)
    return f"{version.tag} is in {', '.join((MAIN, develop, *others))}.\n{told}"


def _to_finish(repository: Repository, kind: Kind) -> str:
    """The branch that is checked out, or the only one."""
    names = kind.open_ones(repository)
    current = repository.branch()
    if current in names:
        return current
    if not names:
        last = releasing.last_tag(repository, MAIN)
        told = f"the last version is {last}" if last else "there is no version yet"
        raise Refused(
            f"There is no branch {kind.prefix}1.2.3 here, and {told}.",
            f"make {kind.name}-start VERSION=1.2.3",
        )
    if len(names) > 1:
        raise Refused(f"Which one: {', '.join(names)}?", f"git switch {names[0]}")
    return names[0]


def _prepare(repository: Repository, kind: Kind, branch: str, version: Version) -> None:
    """Refuse what cannot become this version; write what the branch still lacks."""
    is_merged = repository.includes(MAIN, branch)
    if is_merged or repository.branch() != branch:
        releasing.require_clean(repository)
    if is_merged:
        return
    if repository.has(f"refs/tags/{version.tag}"):
        raise Refused(f"{version.tag} is there already, and {branch} is not in {MAIN}.")
    last = releasing.last_tag(repository, MAIN)
    if last and versions.asked_for(last) > version:
        raise Refused(f"{last} is out already.", f"git branch -m {branch} {kind.prefix}HIGHER")
    own = repository.subjects(MAIN, branch)
    if kind is HOTFIX and own == [releasing.message_of(version)]:
        raise Refused(f"{branch} has no fix yet.", f"Commit it there: git switch {branch}")
    repository.switch(branch)
    releasing.commit(repository, version, *releasing.OWN_FILES)
