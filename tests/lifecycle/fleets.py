"""Projects of a fleet, what a command says of them, and what it never touches."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tests.lifecycle.conftest import TEN, Package, commit, write
from tests.project.conftest import git, tree

BRANCH = "headstart/update-2.0.0"


def another(first: Path, name: str) -> Path:
    """A project like the first, beside it."""
    return Path(shutil.copytree(first, first.parent / name, symlinks=True))


def torn(first: Path, name: str) -> Path:
    """One in which both have changed the same file."""
    shop = another(first, name)
    write(shop / "a.txt", TEN.replace("2\n", "mine\n"))
    commit(shop)
    return shop


def fleet(package: Package, folder: Path, command: str, *options: str, code: int = 0) -> Fleet:
    return Fleet(package.told("fleet", command, folder, *options, cwd=folder, code=code))


class Fleet:
    """What a command tells of a fleet."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.counts = document["counts"]
        self.projects = {Path(each["path"]).name: each for each in document["projects"]}

    def endings(self) -> dict[str, str]:
        return {name: each["ending"] for name, each in self.projects.items()}

    def trouble(self, name: str) -> str:
        told = self.projects[name]["trouble"]
        assert told["next"], "every failure has a next step"
        return " ".join((told["what"], *told["why"], *told["next"]))


def state(shop: Path) -> object:
    """The work tree and what is checked out: what a fleet never touches."""
    status = git("status", "--porcelain=v2", "--branch", "-z", "--ignored", cwd=shop)
    return tree(shop), status, (shop / ".git/index").read_bytes()


def refs(shop: Path) -> str:
    return git("for-each-ref", cwd=shop)


def tip(shop: Path, branch: str = BRANCH) -> str:
    return git("rev-parse", "--verify", f"refs/heads/{branch}", cwd=shop)


def branched(shop: Path, branch: str = BRANCH) -> bool:
    return bool(git("for-each-ref", f"refs/heads/{branch}", cwd=shop))
