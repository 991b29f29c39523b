"""The branches of a fleet are pushed, and their pull requests opened: once, and never by force."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bootstrap.project.publish import parse_address
from tests.lifecycle.conftest import Package, write
from tests.lifecycle.fleets import BRANCH, another, fleet, tip
from tests.project.conftest import git

# They answer in the form in which gh and glab do, and remember what they have opened.
GH = """\
#!/bin/sh
echo "gh $*" >> "{log}"
case "$2" in
list) [ -f "{log}.made" ] &&
  echo '[{{"url":"https://github.com/acme/shop/pull/7"}}]' || echo '[]' ;;
create) touch "{log}.made"; echo; echo Creating pull request for x into main in acme/shop >&2
  echo; echo https://github.com/acme/shop/pull/7 ;;
esac
"""
GLAB = """\
#!/bin/sh
echo "glab $*" >> "{log}"
case "$2" in
list) [ -f "{log}.made" ] &&
  echo '[{{"iid":7,"web_url":"https://gitlab.example.org/acme/shop/-/merge_requests/7"}}]' ||
  echo '[]' ;;
create) touch "{log}.made"; echo Creating merge request for x into main in acme/shop
  echo '!7 Update the template (x)'
  echo ' https://gitlab.example.org/acme/shop/-/merge_requests/7' ;;
esac
"""
ADDRESSES = {
    "gh": "git@github.com:acme/shop.git",
    "glab": "ssh://git@gitlab.example.org:22/acme/shop.git",
}


def with_remote(shop: Path, name: str = "origin") -> Path:
    """A bare remote that has what is checked out."""
    bare = shop.parent.parent / f"{shop.name}-{name}.git"
    git("clone", "--quiet", "--bare", str(shop), str(bare), cwd=shop.parent)
    git("remote", "add", name, str(bare), cwd=shop)
    return bare


def tools(folder: Path, *names: str) -> dict[str, str]:
    """A PATH with programs that answer as the real ones did, and note how they were called."""
    for name, script in (("gh", GH), ("glab", GLAB)):
        if name in names:
            write(folder / "bin" / name, script.format(log=folder / "calls"))
            (folder / "bin" / name).chmod(0o755)
    return {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}


def test_a_branch_is_pushed_once(package: Package, first: Path) -> None:
    bare = with_remote(first)
    told = fleet(package, first, "update", "--push").projects["a"]
    assert told["pushed"] == {"remote": "origin", "new": True}
    assert git("rev-parse", BRANCH, cwd=bare) == tip(first)
    told = fleet(package, first, "update", "--push").projects["a"]
    assert told["pushed"] == {"remote": "origin", "new": False}


def test_without_being_asked_nothing_is_pushed(package: Package, first: Path) -> None:
    bare = with_remote(first)
    assert fleet(package, first, "update").projects["a"]["pushed"] is None
    assert BRANCH not in git("branch", cwd=bare)


def test_a_preview_pushes_nothing(package: Package, first: Path) -> None:
    run = package.headstart("fleet", "update", first, "--preview", "--pr", cwd=first)
    assert run.returncode == 64
    assert "--preview changes nothing" in run.stderr


@pytest.mark.parametrize("setting", ["branch.main.pushRemote", "remote.pushDefault"])
def test_it_goes_where_git_pushes_to(package: Package, first: Path, setting: str) -> None:
    with_remote(first)
    mine = with_remote(first, "fork")
    git("config", setting, "fork", cwd=first)
    assert fleet(package, first, "update", "--push").projects["a"]["pushed"]["remote"] == "fork"
    assert git("rev-parse", BRANCH, cwd=mine) == tip(first)


def test_what_the_remote_refuses_is_told_in_its_row(package: Package, first: Path) -> None:
    second = another(first, "b")
    with_remote(first)
    bare = with_remote(second)
    write(bare / "hooks/update", "#!/bin/sh\necho not today >&2\nexit 1\n")
    (bare / "hooks/update").chmod(0o755)
    found = fleet(package, first.parent, "update", "--push", code=1)
    assert found.endings() == {"a": "branched", "b": "failed"}
    assert "not today" in found.trouble("b")
    assert found.projects["b"]["branch"]["name"] == BRANCH
    (bare / "hooks/update").unlink()
    assert fleet(package, first.parent, "update", "--push").endings()["b"] == "branched"


def test_another_branch_at_the_remote_is_never_overwritten(package: Package, first: Path) -> None:
    bare = with_remote(first)
    tree = git("rev-parse", "HEAD^{tree}", cwd=bare)
    who = ("-c", "user.name=Bob", "-c", "user.email=bob@example.org")
    theirs = git(*who, "commit-tree", tree, "-m", "theirs", cwd=bare)
    git("update-ref", f"refs/heads/{BRANCH}", theirs, cwd=bare)
    found = fleet(package, first, "update", "--push", code=1)
    assert "rejected" in found.trouble("a")
    assert git("rev-parse", BRANCH, cwd=bare) == theirs


def test_a_project_without_a_remote_says_so(package: Package, first: Path) -> None:
    found = fleet(package, first, "update", "--push", code=1)
    assert "There is no remote" in found.trouble("a")
    assert tip(first)


@pytest.mark.parametrize("tool", ["gh", "glab"])
def test_a_pull_request_is_opened_once(
    package: Package, first: Path, tmp_path: Path, tool: str, home: Path
) -> None:
    bare = with_remote(first)
    git("remote", "set-url", "origin", ADDRESSES[tool], cwd=first)
    ssh = write_ssh(home, bare)
    environ = {**tools(tmp_path, "gh", "glab"), "GIT_SSH_COMMAND": str(ssh)}
    for new in (True, False):
        run = package.headstart("fleet", "update", first, "--pr", "--json", cwd=first, **environ)
        assert run.returncode == 0, run.stdout + run.stderr
        (told,) = json.loads(run.stdout.splitlines()[-1])["projects"]
        assert told["request"]["new"] is new
        assert told["request"]["url"].endswith("/7")
    calls = (tmp_path / "calls").read_text()
    assert calls.count(" create ") == 1
    for words in (
        BRANCH,
        "acme/shop",
        "Update the template from v1.0.0 to v2.0.0",
        "What 2.0.0 is",
    ):
        assert words in calls


@pytest.mark.parametrize(("tool", "head"), [("gh", "ada:headstart/"), ("glab", "--head ada/shop")])
def test_a_fork_s_branch_is_offered_to_the_repository_that_is_followed(
    package: Package, first: Path, tmp_path: Path, home: Path, tool: str, head: str
) -> None:
    bare = with_remote(first)
    fork = ADDRESSES[tool].replace("acme", "ada")
    git("remote", "set-url", "origin", ADDRESSES[tool], cwd=first)
    git("remote", "add", "fork", fork, cwd=first)
    git("config", "branch.main.remote", "origin", cwd=first)
    git("config", "remote.pushDefault", "fork", cwd=first)
    environ = {**tools(tmp_path, tool), "GIT_SSH_COMMAND": str(write_ssh(home, bare))}
    run = package.headstart("fleet", "update", first, "--pr", cwd=first, **environ)
    assert run.returncode == 0, run.stdout + run.stderr
    (created,) = (
        line for line in (tmp_path / "calls").read_text().splitlines() if " create " in line
    )
    assert head in created
    assert "acme/shop" in created


def write_ssh(home: Path, bare: Path) -> Path:
    """An ssh whose other end is the bare repository, wherever it is told to go."""
    write(home / "ssh", f"#!/bin/sh\nexec git-receive-pack {bare}\n")
    (home / "ssh").chmod(0o755)
    return home / "ssh"


def test_without_the_program_it_says_what_to_do(package: Package, first: Path, home: Path) -> None:
    bare = with_remote(first)
    git("remote", "set-url", "origin", ADDRESSES["gh"], cwd=first)
    run = package.headstart(
        *("fleet", "update", first, "--pr"),
        cwd=first,
        GIT_SSH_COMMAND=str(write_ssh(home, bare)),
        PATH="/usr/bin:/bin",
    )
    assert run.returncode == 1
    assert "gh is not on PATH" in run.stdout
    assert "https://github.com/acme/shop" in run.stdout
    assert git("rev-parse", BRANCH, cwd=bare) == tip(first)


def test_a_remote_that_is_no_forge(package: Package, first: Path) -> None:
    with_remote(first)
    assert "not known to be GitHub or GitLab" in fleet(
        package, first, "update", "--pr", code=1
    ).trouble("a")


@pytest.mark.parametrize(
    ("address", "host", "path"),
    [
        ("git@github.com:acme/shop.git", "github.com", "acme/shop"),
        ("https://ada:token@github.com/acme/shop", "github.com", "acme/shop"),
        ("ssh://git@gitlab.acme.org:2222/a/b/shop.git", "gitlab.acme.org", "a/b/shop"),
        ("/srv/git/shop.git", "", ""),
        ("../shop.git", "", ""),
        ("file:///srv/shop.git", "", ""),
    ],
)
def test_addresses(address: str, host: str, path: str) -> None:
    assert parse_address(address) == (host, path)
