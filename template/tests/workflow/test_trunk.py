"""A version of main, in a repository that has another one behind it."""

from __future__ import annotations

import pytest

from tests.workflow.conftest import commit
from workflow.errors import Refused
from workflow.repository import Repository
from workflow.trunk import BRANCHES, release


def test_a_release_is_a_commit_and_a_tag_on_main(repository: Repository) -> None:
    told = release(repository, "1.0.0")
    assert "git push --atomic origin main v1.0.0" in told
    assert 'version = "1.0.0"' in repository.text("pyproject.toml", "v1.0.0")
    assert "- begin" in repository.text("CHANGELOG.md", "v1.0.0")
    assert repository.commit_of("v1.0.0") == repository.commit_of("main")
    assert release(repository, "1.0.0") == told


def test_what_is_released_is_not_released_again(repository: Repository) -> None:
    release(repository, "1.0.0")
    with pytest.raises(Refused, match="nothing to release"):
        release(repository, "1.0.1")
    commit(repository, "fix: x", "x.py", "")
    with pytest.raises(Refused, match=r"v1\.0\.0 is there already"):
        release(repository, "1.0.0")


def test_main_is_what_is_released(repository: Repository) -> None:
    repository.git("switch", "--quiet", "--create", "feat/x")
    with pytest.raises(Refused, match="this begins on main"):
        release(repository, "1.0.0")


@pytest.mark.parametrize("name", ["develop", "release-v1.0.0", "hotfix/v1.0.1"])
def test_there_are_no_other_lasting_branches(name: str) -> None:
    with pytest.raises(Refused, match="no name for a branch"):
        BRANCHES.check(name)
