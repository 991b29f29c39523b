"""The commits of updates are made as a team's git makes them: signed, with hooks, by a person."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import unavailable
from tests.lifecycle.conftest import MINE, Package, write
from tests.lifecycle.fleets import tip
from tests.lifecycle.test_update_killed import state
from tests.project.conftest import git

HOOKS = ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit")
NOTES = ("update.json", "unverified.json", "before")


def hook(shop: Path, name: str, script: str) -> None:
    write(shop / ".git/hooks" / name, f"#!/bin/sh\n{script}\n")
    (shop / ".git/hooks" / name).chmod(0o755)


def notes(shop: Path) -> list[str]:
    return [name for name in NOTES if (shop / ".git/headstart" / name).exists()]


@pytest.fixture
def key(tmp_path: Path, home: Path) -> Path:
    """A key that the user's git signs with, and knows."""
    if shutil.which("ssh-keygen") is None:
        unavailable("ssh-keygen")
    made = tmp_path / "key"
    command = ["/usr/bin/env", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(made)]
    subprocess.run(command, check=True)
    (tmp_path / "known").write_text(f"ada@example.org {made.with_suffix('.pub').read_text()}")
    for setting in (
        ("gpg.format", "ssh"),
        ("user.signingKey", str(made)),
        ("gpg.ssh.allowedSignersFile", str(tmp_path / "known")),
        ("commit.gpgSign", "true"),
    ):
        git("config", "--global", *setting, cwd=home)
    return made


def signed(shop: Path, revision: str = "HEAD") -> bool:
    return git("log", "-1", "--format=%G?", revision, cwd=shop) == "G"


# -- hooks -----------------------------------------------------------------------------------------


def test_hooks_run_as_for_any_commit(package: Package, shop: Path, tmp_path: Path) -> None:
    for name in HOOKS:
        hook(shop, name, f"echo {name} >> {tmp_path}/ran")
    run = package.headstart("update", "--no-verify", cwd=shop)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "ran").read_text().split() == list(HOOKS)
    assert "ran pre-commit, prepare-commit-msg, commit-msg, post-commit" in run.stdout


def test_hooks_are_left_out_on_request_and_that_is_said(package: Package, shop: Path) -> None:
    for name in HOOKS[:3]:
        hook(shop, name, "exit 1")
    run = package.headstart("update", "--no-verify", "--no-hooks", cwd=shop)
    assert run.returncode == 0, run.stderr
    assert "no hooks (--no-hooks)" in run.stdout


@pytest.mark.parametrize("name", HOOKS[:3])
def test_a_hook_that_refuses_is_named_and_nothing_has_happened(
    package: Package, shop: Path, name: str
) -> None:
    old, refs = state(shop), git("for-each-ref", cwd=shop)
    hook(shop, name, "echo not on a Sunday; exit 3")
    run = package.headstart("update", cwd=shop)
    assert run.returncode == 1
    assert "so the update was undone" in run.stderr
    for words in (f"The hook {name} refused", "exit code 3", "not on a Sunday", "--no-hooks"):
        assert words in run.stderr
    assert state(shop) == old
    assert git("for-each-ref", cwd=shop) == refs
    assert notes(shop) == []
    hook(shop, name, "exit 0")
    package.told("update", cwd=shop)


def test_a_hook_that_refuses_after_it_has_formatted_changes_nothing(
    package: Package, shop: Path
) -> None:
    old = state(shop)
    hook(shop, "pre-commit", "sed -i s/two/TWO/ a.txt; echo x >> deep/c.txt; exit 1")
    assert package.headstart("update", cwd=shop).returncode == 1
    assert state(shop) == old


def test_what_a_hook_changes_is_said(package: Package, shop: Path) -> None:
    hook(shop, "pre-commit", "sed -i s/two/TWO/ a.txt && git add a.txt")
    run = package.headstart("update", "--no-verify", cwd=shop)
    assert run.returncode == 0, run.stderr
    assert "ran pre-commit, which changed a.txt" in run.stdout
    assert (shop / "a.txt").read_text() == MINE.replace("2\n", "TWO\n")
    assert git("status", "--porcelain", cwd=shop) == ""
    package.told("update", "--rollback", cwd=shop)
    assert (shop / "a.txt").read_text() == MINE


def test_what_a_refusing_hook_leaves_behind_is_named(package: Package, shop: Path) -> None:
    write(shop / "mine.txt", "untracked before\n")
    hook(shop, "pre-commit", "echo x > leftover.txt; exit 1")
    run = package.headstart("update", cwd=shop)
    assert run.returncode == 1
    assert "it left behind: leftover.txt" in run.stderr


def test_a_hook_that_takes_the_trailer_away_is_named(package: Package, shop: Path) -> None:
    hook(shop, "commit-msg", 'sed -i /^Headstart-Template/d "$1"')
    run = package.headstart("update", "--no-verify", cwd=shop)
    assert run.returncode == 0
    assert "without its line Headstart-Template, which a hook took away" in run.stdout
    package.told("update", "--rollback", cwd=shop)


def test_hooks_run_when_conflicts_are_resolved(package: Package, torn: Path) -> None:
    package.told("update", cwd=torn, code=1)
    write(torn / "a.txt", "both\n")
    git("add", "a.txt", cwd=torn)
    hook(torn, "pre-commit", "echo no; exit 1")
    run = package.headstart("update", "--continue", cwd=torn)
    assert run.returncode == 1
    assert "The hook pre-commit refused" in run.stderr
    run = package.headstart("update", "--continue", "--no-verify", "--no-hooks", cwd=torn)
    assert run.returncode == 0, run.stderr
    assert "no hooks (--no-hooks)" in run.stdout
    message = git("log", "-1", "--format=%B", cwd=torn)
    assert "Headstart-Template: v2.0.0" in message
    assert "#" not in message


# -- signatures ------------------------------------------------------------------------------------


def test_commits_are_signed_where_git_is_told_to(package: Package, shop: Path, key: Path) -> None:
    assert key.exists()
    run = package.headstart("update", "--no-verify", cwd=shop)
    assert run.returncode == 0, run.stderr
    assert signed(shop)
    assert "The commit: signed." in run.stdout


def test_no_signature_on_request_and_that_is_said(package: Package, shop: Path, home: Path) -> None:
    git("config", "--global", "commit.gpgSign", "true", cwd=home)
    git("config", "--global", "gpg.program", "false", cwd=home)
    run = package.headstart("update", "--no-verify", "--no-sign", cwd=shop)
    assert run.returncode == 0, run.stderr
    assert "not signed (--no-sign)" in run.stdout


def test_a_signature_that_fails_changes_nothing(package: Package, shop: Path, home: Path) -> None:
    old = state(shop)
    git("config", "--global", "commit.gpgSign", "true", cwd=home)
    git("config", "--global", "gpg.program", "false", cwd=home)
    run = package.headstart("update", cwd=shop)
    assert run.returncode == 1
    assert "could not be signed" in run.stderr
    assert "--no-sign" in run.stderr
    assert state(shop) == old
    assert notes(shop) == []


def test_conflicts_are_committed_with_a_signature(package: Package, torn: Path, key: Path) -> None:
    assert key.exists()
    package.told("update", cwd=torn, code=1)
    write(torn / "a.txt", "both\n")
    git("add", "a.txt", cwd=torn)
    package.told("update", "--continue", "--no-verify", cwd=torn)
    assert signed(torn)


def test_branches_of_a_fleet_are_signed(package: Package, first: Path, key: Path) -> None:
    assert key.exists()
    package.told("fleet", "update", first, cwd=first.parent)
    assert signed(first, tip(first))
    git("branch", "-D", "headstart/update-2.0.0", cwd=first)
    package.told("fleet", "update", first, "--no-sign", cwd=first.parent)
    assert not signed(first, tip(first))


# -- who -------------------------------------------------------------------------------------------


def test_who_commits_is_never_made_up(package: Package, shop: Path, home: Path) -> None:
    old = state(shop)
    (home / "gitconfig").write_text("")
    run = package.headstart("update", cwd=shop)
    assert run.returncode == 4
    assert "git config --global user.name" in run.stderr
    assert "git config --global user.email" in run.stderr
    assert state(shop) == old
    assert package.headstart("update", "--preview", cwd=shop).returncode == 0
    told = package.told("fleet", "update", shop, cwd=shop.parent, code=1)
    assert "does not know who you are" in told["projects"][0]["trouble"]["what"]


def test_an_environment_says_who_commits_as_well(package: Package, shop: Path, home: Path) -> None:
    (home / "gitconfig").write_text("")
    who = {f"GIT_{role}_{what}": "Bot" for role in ("AUTHOR", "COMMITTER") for what in ("NAME",)}
    mail = {f"GIT_{role}_EMAIL": "bot@example.org" for role in ("AUTHOR", "COMMITTER")}
    run = package.headstart("update", "--no-verify", cwd=shop, **who, **mail)
    assert run.returncode == 0, run.stderr
    assert git("log", "-1", "--format=%an %ce", cwd=shop) == "Bot bot@example.org"
