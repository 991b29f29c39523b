"""Trunk: short branches go into main, and main is what is released.

https://trunkbaseddevelopment.com
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from workflow import releasing, versions
from workflow.branches import WORK, Branches
from workflow.repository import Repository
from workflow.versions import Version

MAIN = "main"
BRANCHES = Branches(lasting=(MAIN,), patterns=(WORK,), into_main=".*")


def release(repository: Repository, text: str) -> str:
    """Raise the version, write its section in the changelog, and tag main."""
    version = versions.asked_for(text)
    releasing.require_quiet(repository)
    releasing.require_branch(repository, MAIN)
    if not _has_begun(repository, version):
        releasing.require_clean(repository)
        releasing.fetch(repository)
        releasing.require_current(repository, MAIN)
        releasing.require_new(repository, version)
        releasing.require_something(repository, MAIN)
    releasing.commit(repository, version, *releasing.OWN_FILES)
    releasing.tag(repository, version, MAIN)
    return f"{version.tag} is made.\n{releasing.push_command(repository, MAIN, version.tag)}"


RELEASES: Mapping[str, Callable[[Repository, str], str]] = {"release": release}


def _has_begun(repository: Repository, version: Version) -> bool:
    """Whether this release was interrupted: its commit is the last one, or was to be the next."""
    if repository.subject() == releasing.message_of(version):
        return True
    changed = repository.changed()
    text = (repository.root / releasing.PYPROJECT).read_text("utf-8")
    is_raised = versions.in_pyproject(text) == str(version)
    return is_raised and bool(changed) and set(changed) <= {*releasing.OWN_FILES}
