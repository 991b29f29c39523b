"""A release and a hotfix by git-flow, in a repository that has another one behind it."""

from __future__ import annotations

import pytest

from tests.workflow.conftest import PYPROJECT, commit
from workflow import versions
from workflow.checks import check_pipeline
from workflow.errors import Refused
from workflow.git_flow import BRANCHES, hotfix_finish, hotfix_start, release_finish, release_start
from workflow.repository import Repository

LOCK = """\
[[package]]
name = "other"
version = "0.1.0"
source = { registry = "https://index.example/simple" }

[[package]]
name = "shop"
version = "0.1.0"
source = { virtual = "." }
"""


@pytest.fixture
def flowing(repository: Repository) -> Repository:
    """On develop, with something to release."""
    repository.git("switch", "--quiet", "--create", "develop")
    commit(repository, "feat: a list", "list.py", "")
    return repository


def version_on(repository: Repository, branch: str) -> str:
    return versions.in_pyproject(repository.text("pyproject.toml", branch))


def hotfix_beside_a_release(flowing: Repository) -> None:
    """1.0.0 is out, 1.1.0 has begun, and 1.0.1 is finished."""
    release_start(flowing, "1.0.0")
    release_finish(flowing, "")
    commit(flowing, "feat: more", "more.py", "")
    release_start(flowing, "1.1.0")
    flowing.switch("main")
    hotfix_start(flowing, "1.0.1")
    commit(flowing, "fix: the list", "list.py", "fixed = True\n")
    hotfix_finish(flowing, "")


def test_a_release_goes_into_main_and_develop(flowing: Repository) -> None:
    release_start(flowing, "1.0.0")
    assert flowing.branch() == "release-v1.0.0"
    told = release_finish(flowing, "")
    assert "git push --atomic origin main develop v1.0.0" in told
    for branch in ("main", "develop"):
        assert flowing.includes(branch, "v1.0.0")
        assert version_on(flowing, branch) == "1.0.0"
        assert "- a list" in flowing.text("CHANGELOG.md", branch)
    assert flowing.git("cat-file", "-t", "v1.0.0") == "tag"
    assert flowing.branches("release-v*") == []


def test_a_hotfix_goes_into_a_release_that_is_open_too(flowing: Repository) -> None:
    hotfix_beside_a_release(flowing)
    named = {name: version_on(flowing, name) for name in ("main", "develop", "release-v1.1.0")}
    assert named == {"main": "1.0.1", "develop": "1.0.1", "release-v1.1.0": "1.1.0"}
    flowing.switch("release-v1.1.0")
    release_finish(flowing, "")
    text = flowing.text("CHANGELOG.md", "main")
    headings = [line.split()[1] for line in text.splitlines() if line.startswith("## ")]
    assert headings == ["1.1.0", "1.0.1", "1.0.0"]


def test_a_lock_of_uv_is_of_the_same_version_everywhere(flowing: Repository) -> None:
    commit(flowing, "build: lock", "uv.lock", LOCK)
    hotfix_beside_a_release(flowing)
    locks = {name: flowing.text("uv.lock", name) for name in ("main", "develop", "release-v1.1.0")}
    named = {name: versions.in_lock(text) for name, text in locks.items()}
    assert named == {"main": "1.0.1", "develop": "1.0.1", "release-v1.1.0": "1.1.0"}
    assert all('name = "other"\nversion = "0.1.0"' in text for text in locks.values())


def test_a_conflict_is_for_a_person_and_the_same_command_goes_on(flowing: Repository) -> None:
    commit(flowing, "feat: one", "list.py", "one\n")
    release_start(flowing, "1.0.0")
    flowing.switch("main")
    commit(flowing, "fix: two", "list.py", "two\n")
    flowing.switch("release-v1.0.0")
    for _ in range(2):
        with pytest.raises(Refused, match=r"the same lines: list\.py"):
            release_finish(flowing, "")
    flowing.git("add", "list.py")
    with pytest.raises(Refused, match="git's marks between them"):
        release_finish(flowing, "")
    (flowing.root / "list.py").write_text("one\ntwo\n")
    flowing.git("add", "list.py")
    release_finish(flowing, "")
    assert flowing.text("list.py", "develop") == "one\ntwo\n"


@pytest.mark.parametrize(
    ("version", "why"), [("0.0.9", "is not above 0.1.0"), ("1.2", "is no version")]
)
def test_a_version_has_to_be_a_higher_one(flowing: Repository, version: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        release_start(flowing, version)


def test_one_version_is_begun_once(flowing: Repository) -> None:
    release_start(flowing, "1.0.0")
    release_finish(flowing, "")
    flowing.switch("main")
    hotfix_start(flowing, "1.1.0")
    flowing.switch("develop")
    commit(flowing, "feat: more", "more.py", "")
    with pytest.raises(Refused, match=r"hotfix/v1\.1\.0 is to be that version"):
        release_start(flowing, "1.1.0")


def test_what_is_not_committed_is_no_release(flowing: Repository) -> None:
    (flowing.root / "pyproject.toml").write_text(PYPROJECT + "# more\n")
    with pytest.raises(Refused, match="not committed"):
        release_start(flowing, "1.0.0")


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("feature-login", "feature/login"),
        ("bugfix/Größe der Liste", "fix/groe-der-liste"),
        ("release/1.2.0", "release-v1.2.0"),
        ("hotfix-v1.2.1", "hotfix/v1.2.1"),
        ("login", "feat/login"),
        ("é中文/x.lock", "feat/e-x-lock"),
    ],
)
def test_a_wrong_name_is_refused_with_the_right_one(name: str, suggested: str) -> None:
    with pytest.raises(Refused, match=f"{suggested}$"):
        BRANCHES.check(name)
    BRANCHES.check(suggested)


@pytest.mark.parametrize(
    ("head", "base", "title", "why"),
    [
        ("feat/login", "develop", "feat: log in", None),
        ("renovate/actions", "develop", "Update actions", None),
        ("feat/login", "main", "feat: log in", "does not go into main"),
        ("login", "develop", "feat: log in", "no name for a branch"),
        ("feat/login", "develop", "WIP", "The title of the pull request"),
        ("release-v0.2.0", "main", "chore: 0.2.0", "is to be version 0.2.0"),
        ("release-v0.1.0", "main", "chore: 0.1.0", None),
    ],
)
def test_a_pull_request_is_held_to_the_rules(
    repository: Repository, head: str, base: str, title: str, why: str | None
) -> None:
    told = {"GITHUB_HEAD_REF": head, "GITHUB_BASE_REF": base, "TITLE": title}
    if why is None:
        check_pipeline(repository, BRANCHES, told)
    else:
        with pytest.raises(Refused, match=why):
            check_pipeline(repository, BRANCHES, told)
