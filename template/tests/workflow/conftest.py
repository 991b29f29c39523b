"""A repository that others push to, and a clone of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from workflow.repository import Repository

PYPROJECT = '[project]\nname = "shop"\nversion = "0.1.0"\n'


@pytest.fixture(autouse=True)
def person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Somebody with a git of their own: nothing of this machine's is read."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    (tmp_path / "gitconfig").write_text(
        "[user]\nname = Somebody\nemail = somebody@example.com\n[init]\ndefaultBranch = main\n"
    )


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A clone with version 0.1.0 on main, which was pushed."""
    run(tmp_path, "init", "--quiet", "--bare", "origin.git")
    run(tmp_path, "clone", "--quiet", "origin.git", "shop")
    repository = Repository(tmp_path / "shop")
    commit(repository, "feat: begin", "pyproject.toml", PYPROJECT)
    repository.git("push", "--quiet", "--set-upstream", "origin", "main")
    return repository


def run(folder: Path, *words: str) -> None:
    Repository(folder).git(*words)


def commit(repository: Repository, message: str, name: str, text: str) -> None:
    """Write a file and commit it."""
    (repository.root / name).write_text(text)
    repository.git("add", "--", name)
    repository.git("commit", "--quiet", "--message", message)
