"""The hooks of a project take the commits that Headstart makes, and those that it says to make."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bootstrap.machine.facts.checkout import look_at_hooks
from bootstrap.machine.pins import read
from tests.conftest import nightly_but, rendered, said
from tests.rendered.gates import run
from tests.rendered.test_add_resource import headstart, with_tools

pytestmark = pytest.mark.slow

# What pre-commit runs beside the message: other tests are about that.
OTHERS = "environment,style,types,imports,revisions,secrets,template"
HOOKS = {
    "git-flow": ("features=[]", ["make", "hooks"]),
    "trunk": ("features=[pre_commit]", [".venv/bin/python", "-m", "pre_commit", "install"]),
}


@pytest.fixture(params=nightly_but("git-flow", of=HOOKS))
def shop(request: pytest.FixtureRequest, tmp_path: Path, everything: Path) -> Path:
    """A project whose git refuses a message that says no kind of change."""
    features, install = HOOKS[request.param]
    made = rendered(tmp_path, f"workflow={request.param}", features)
    run(install, with_tools(made, everything))
    return made


def test_hooks_take_what_headstart_commits_and_prints(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKIP", OTHERS)
    refused = said(["git", "commit", "--allow-empty", "-m", "Add orders"], shop, os.environ, 1)
    assert "must say what kind of change it is" in refused

    told = headstart(shop, "add", "resource", "order", "number:str!")
    command = told.rstrip().splitlines()[-1].strip()
    assert command == "git add --all && git commit -m 'feat: add orders'"
    run(["sh", "-c", command], shop)

    headstart(shop, "update", "--skip", "99.0.0")
    headstart(shop, "feature", "add", "cache", "--no-verify")
    assert run(["git", "log", "-1", "--format=%s"], shop).strip() == "Add cache"
    assert "undone" in headstart(shop, "update", "--rollback")
    run(["git", "rm", "--quiet", ".copier-answers.yml"], shop)
    run(["git", "commit", "--quiet", "-m", "fix: the answers are gone"], shop)
    headstart(shop, "link", "--yes")
    said(["git", "diff", "--exit-code", "HEAD~2", ":!.copier-answers.yml"], shop, os.environ)


def test_hooks_that_pre_commit_has_really_written_are_known_as_its(shop: Path) -> None:
    """That is what `up` takes away where the project has given it up."""
    run(["git", "rm", "--quiet", "--ignore-unmatch", ".pre-commit-config.yaml"], shop)
    run(["git", "commit", "--quiet", "--no-verify", "--allow-empty", "-m", "chore: less"], shop)
    left = {hook.name for hook in look_at_hooks(read(shop)).left}
    is_there = (shop / ".githooks").is_dir()
    assert left == (set() if is_there else {"pre-commit", "commit-msg", "pre-push"})


def test_a_branch_of_the_fleet_may_be_pushed_and_merged(shop: Path) -> None:
    run(["git", "init", "--quiet", "--bare", "../origin.git"], shop)
    run(["git", "remote", "add", "origin", "../origin.git"], shop)
    run(["git", "switch", "--quiet", "--create", "headstart/update-9.0.0"], shop)
    run(["git", "push", "--quiet", "origin", "HEAD"], shop)
    request = {
        "GITHUB_HEAD_REF": "headstart/update-9.0.0",
        "GITHUB_BASE_REF": "develop",
        "TITLE": "Update the template from 0.8.0 to 9.0.0",
    }
    said([".venv/bin/python", "-m", "workflow", "pipeline"], shop, os.environ | request)
