"""How a change becomes a version: a project's own make, in real repositories.

It needs no package: the project's Python is the one that runs the tests.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import rendered, said
from tests.rendered.gates import PYTEST, files, traces, untraceable
from tests.rendered.matrix import only
from tests.rendered.processes import of_render
from tests.rendered.tools import findings, yamllint

pytestmark = pytest.mark.slow

GIT = shutil.which("git") or "git"
VERSIONS = re.compile(r"^## (\S+) - \d{4}-\d\d-\d\d$", re.MULTILINE)
# After which of its calls the command is killed: those that change something.
KILLED_AFTER = """#!/bin/sh
{git} "$@"; code=$?
case "$1 $2" in
"switch "*|"add "*|"commit "*|"merge "*|"tag --annotate"|"branch --quiet")
  echo >> "$KILL_COUNT"
  [ "$(wc -l < "$KILL_COUNT")" -ne "$KILL_AT" ] || kill "-$KILL_BY" $PPID ;;
esac
exit $code
"""


class Shop:
    """A clone of a project, and the repository that it is pushed to."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *words: str, code: int = 0) -> str:
        return said([GIT, *words], self.root, os.environ, code).strip()

    def make(self, *words: str, code: int = 0, **settings: str) -> str:
        return said(["make", *words], self.root, os.environ | settings, code)

    def commit(self, message: str, name: str = "new.txt", text: str = "new\n") -> None:
        (self.root / name).write_text(text)
        self.git("add", "--", name)
        self.git("commit", "--quiet", "--message", message)

    def release(self, version: str) -> None:
        self.make("release-start", f"VERSION={version}")
        self.make("release-finish")

    def told(self, branch: str) -> tuple[str, list[str]]:
        """The version of a branch, and those that its changelog tells of."""
        project = self.git("show", f"{branch}:pyproject.toml")
        (version,) = re.findall(r'^version = "(.*)"$', project, re.MULTILINE)
        return version, VERSIONS.findall(self.git("show", f"{branch}:CHANGELOG.md"))

    def is_in(self, name: str, branch: str) -> bool:
        words = [GIT, "merge-base", "--is-ancestor", name, branch]
        return subprocess.run(words, cwd=self.root, check=False).returncode == 0


@pytest.fixture(autouse=True)
def person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "gitconfig").write_text("[user]\nname = Somebody\nemail = somebody@example.com\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))


def published(folder: Path, *answers: str, develop: str = "") -> Shop:
    """A project whose main, and develop, are pushed, with something to release."""
    shop = Shop(rendered(folder, *answers))
    (shop.root / ".venv/bin").mkdir(parents=True)
    (shop.root / ".venv/bin/python").symlink_to(sys.executable)
    shop.git("init", "--quiet", "--bare", "../origin.git")
    shop.git("remote", "add", "origin", "../origin.git")
    shop.git("push", "--quiet", "--set-upstream", "origin", "main")
    if develop:
        shop.git("switch", "--quiet", "--create", develop)
        shop.git("push", "--quiet", "--set-upstream", "origin", develop)
    shop.commit("feat(api): a list", "list.txt")
    return shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return published(tmp_path, "workflow=git-flow", develop="develop")


def test_a_release_and_a_hotfix_are_merged_into_both_and_pushed_by_the_command_that_is_told(
    shop: Shop,
) -> None:
    """With git's hooks, which find nothing wrong with any of it."""
    shop.make("hooks")
    shop.make("release-start", "VERSION=1.0.0")
    assert shop.git("branch", "--show-current") == "release-v1.0.0"
    assert shop.git("log", "-1", "--format=%s") == "chore(release): 1.0.0"
    shop.commit("docs: the list", "README.md", "The list.\n")
    push(shop, shop.make("release-finish"), "main develop v1.0.0")

    shop.git("switch", "--quiet", "main")
    shop.make("hotfix-start", "VERSION=1.0.1")
    shop.commit("fix: the list ends", "list.txt", "end\n")
    push(shop, shop.make("hotfix-finish"), "main develop v1.0.1")

    for branch in ("main", "develop"):
        assert shop.told(branch) == ("1.0.1", ["1.0.1", "1.0.0"])
        for tag in ("v1.0.0", "v1.0.1"):
            assert shop.is_in(tag, branch)
        own = shop.git("log", "--first-parent", "--format=%p", "-2", branch).splitlines()
        assert [len(parents.split()) for parents in own] == [2, 2]
    changes = shop.git("show", "main:CHANGELOG.md")
    assert "### Features\n\n- **api**: a list" in changes
    assert "### Fixes\n\n- the list ends" in changes
    assert {shop.git("cat-file", "-t", tag) for tag in ("v1.0.0", "v1.0.1")} == {"tag"}
    assert shop.git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads").split() == [
        *("develop", "main")
    ]


def push(shop: Shop, told: str, names: str) -> None:
    command = f"git push --atomic origin {names}"
    assert told.splitlines()[-1] == f"Nothing is pushed yet: {command}"
    for name in names.split():
        remote = shop.git("ls-remote", "origin", name)
        assert not remote or not remote.startswith(shop.git("rev-parse", name))
    shop.git(*command.split()[1:])
    for name in names.split():
        assert shop.git("ls-remote", "origin", name).startswith(shop.git("rev-parse", name))


def test_a_release_that_is_open_gets_the_hotfix_too(shop: Shop) -> None:
    """Both have raised the version and begun the changelog: the higher one, and both sections."""
    shop.release("1.0.0")
    shop.commit("feat: more")
    shop.make("release-start", "VERSION=1.1.0")
    shop.git("switch", "--quiet", "main")
    shop.make("hotfix-start", "VERSION=1.0.1")
    shop.commit("fix: the list ends", "list.txt", "end\n")
    assert "main, develop, release-v1.1.0." in shop.make("hotfix-finish")
    assert shop.told("release-v1.1.0") == ("1.1.0", ["1.1.0", "1.0.1", "1.0.0"])
    assert shop.told("develop") == ("1.0.1", ["1.0.1", "1.0.0"])
    shop.make("release-finish")
    for branch in ("main", "develop"):
        assert shop.told(branch) == ("1.1.0", ["1.1.0", "1.0.1", "1.0.0"])


def test_a_release_that_a_hotfix_has_overtaken_needs_a_higher_version(shop: Shop) -> None:
    shop.git("tag", "v0.1.0", "main")
    shop.make("release-start", "VERSION=0.1.1")
    shop.git("switch", "--quiet", "main")
    shop.make("hotfix-start", "VERSION=0.1.2")
    shop.commit("fix: the list ends", "list.txt", "end\n")
    assert "list.txt" in shop.make("hotfix-finish", code=2)
    shop.git("checkout", "--theirs", "list.txt")
    shop.git("add", "list.txt")
    assert "list.txt" in shop.make("hotfix-finish", code=2)
    shop.git("checkout", "--theirs", "list.txt")
    shop.git("add", "list.txt")
    shop.make("hotfix-finish")
    told = shop.make("release-finish", code=2)
    assert "v0.1.2 is out already.\n  git branch -m release-v0.1.1 release-vHIGHER" in told
    shop.git("branch", "-m", "release-v0.1.1", "release-v0.2.0")
    assert "v0.2.0 is in main, develop." in shop.make("release-finish")
    assert shop.told("main") == shop.told("develop") == ("0.2.0", ["0.2.0", "0.1.2", "0.1.1"])


def test_main_may_have_been_merged_by_a_pull_request(shop: Shop, tmp_path: Path) -> None:
    shop.make("release-start", "VERSION=1.0.0")
    shop.git("push", "--quiet", "origin", "release-v1.0.0")
    shop.git("clone", "--quiet", "../origin.git", "../github")
    github = Shop(tmp_path / "github")
    github.git("switch", "--quiet", "main")
    github.git("merge", "--quiet", "--no-ff", "--no-edit", "origin/release-v1.0.0")
    github.git("push", "--quiet", "origin", "main")
    assert "main is behind origin/main" in shop.make("release-finish", code=2)
    shop.git("switch", "--quiet", "main")
    shop.git("pull", "--quiet", "--ff-only")
    told = shop.make("release-finish")
    assert "git push --atomic origin main develop v1.0.0 :release-v1.0.0" in told
    assert shop.git("rev-parse", "v1.0.0^{commit}") == github.git("rev-parse", "main")
    assert shop.is_in("v1.0.0", "develop")


def test_a_conflict_is_a_persons_and_the_same_command_goes_on(shop: Shop) -> None:
    shop.make("release-start", "VERSION=1.0.0")
    shop.git("switch", "--quiet", "develop")
    shop.commit("feat: the other", "list.txt", "other\n")
    shop.git("switch", "--quiet", "release-v1.0.0")
    shop.commit("fix: the one", "list.txt", "one\n")
    for _ in range(2):
        told = shop.make("release-finish", code=2)
        assert "v1.0.0 and develop have changed the same lines: list.txt" in told
        assert "git add them, and run the same command again" in told
    (shop.root / "list.txt").write_text("one\nother\n")
    shop.git("add", "list.txt")
    assert "v1.0.0 is in main, develop." in shop.make("release-finish")
    assert shop.git("show", "develop:list.txt") == "one\nother"
    assert shop.git("status", "--porcelain") == ""


def test_a_conflict_that_is_taken_back_is_met_again(shop: Shop) -> None:
    shop.make("release-start", "VERSION=1.0.0")
    shop.git("switch", "--quiet", "main")
    shop.commit("fix: main's own", "list.txt", "main\n")
    shop.git("switch", "--quiet", "release-v1.0.0")
    assert "list.txt" in shop.make("release-finish", code=2)
    shop.git("merge", "--abort")
    assert "list.txt" in shop.make("release-finish", code=2)
    assert shop.git("tag") == ""


def dirty(shop: Shop) -> None:
    with (shop.root / "README.md").open("a") as file:
        file.write("more\n")


def behind(shop: Shop) -> None:
    shop.git("push", "--quiet", "origin", "develop")
    shop.git("reset", "--quiet", "--hard", "HEAD~1")


def merging(shop: Shop) -> None:
    shop.git("switch", "--quiet", "--create", "feat/one", "HEAD~1")
    shop.commit("feat: one", "list.txt", "one\n")
    shop.git("switch", "--quiet", "develop")
    shop.git("merge", "--quiet", "feat/one", code=1)


def shallow(shop: Shop) -> None:
    shop.git("push", "--quiet", "origin", "develop")
    address = (shop.root.parent / "origin.git").as_uri()
    shop.git("clone", "--quiet", "--depth=1", "--branch=develop", address, "../shallow")
    shutil.move(shop.root / ".venv", shop.root.parent / "shallow/.venv")
    shop.root = shop.root.parent / "shallow"


def no_develop(shop: Shop) -> None:
    shop.git("remote", "remove", "origin")
    shop.git("branch", "-m", "develop", "next")


def no_fix(shop: Shop) -> None:
    shop.git("switch", "--quiet", "main")
    shop.git("tag", "v0.1.0")
    shop.make("hotfix-start", "VERSION=1.0.1")


START = ("release-start", "VERSION=1.0.0")
HOTFIX = ("hotfix-start", "VERSION=1.0.0")
REFUSED: dict[str, tuple[str | Callable[[Shop], None], tuple[str, ...], str]] = {
    "changes that are not committed": (dirty, START, "not committed:\n  README.md"),
    "another branch": ("switch -c feat/x", START, "This is feat/x, and this begins on develop."),
    "a hotfix of develop": ("status", HOTFIX, "This is develop, and this begins on main."),
    "no branch": ("switch --detach", START, "No branch is checked out"),
    "its tag is there": ("tag v1.0.0", START, "v1.0.0 is there already."),
    "its branch is there": ("branch release-v1.0.0 main", START, "git switch release-v1.0.0"),
    "another is open": ("branch release-v0.9.0", START, "release-v0.9.0 is there already."),
    "it was pushed": ("push -q origin develop:release-v1.0.0", START, "was pushed already."),
    "no version": ("status", ("release-start",), "There is no version given"),
    "no semantic version": ("status", ("release-start", "VERSION=1.0"), "'1.0' is no version"),
    "a version before it": ("status", (*START[:1], "VERSION=1.0.0-rc.1"), "is no version"),
    "a lower version": ("status", ("release-start", "VERSION=0.0.1"), "is not above 0.1.0"),
    "behind": (behind, START, "develop is behind origin/develop."),
    "nothing new": ("tag v0.1.0", START, "there is nothing to release"),
    "a merge": (merging, START, "A merge is in progress."),
    "no develop": (no_develop, START, "git branch develop main"),
    "no network": ("remote set-url origin ../gone.git", START, "the same command with FETCH=no"),
    "a part of the history": (shallow, START, "git fetch --unshallow"),
    "no release": ("status", ("release-finish",), "make release-start VERSION=1.2.3"),
    "no hotfix": ("status", ("hotfix-finish",), "make hotfix-start VERSION=1.2.3"),
    "nothing to fix": ("switch main", HOTFIX, "No version was released yet"),
    "no fix": (no_fix, ("hotfix-finish",), "hotfix/v1.0.1 has no fix yet."),
}


@pytest.mark.parametrize("situation", REFUSED)
def test_a_wrong_situation_is_refused_and_nothing_changes(shop: Shop, situation: str) -> None:
    begin, command, why = REFUSED[situation]
    if isinstance(begin, str):
        shop.git(*begin.split())
    else:
        begin(shop)
    before = shop.git("for-each-ref", "refs/heads"), shop.git("status", "--porcelain")
    assert why in shop.make(*command, code=2)
    assert (shop.git("for-each-ref", "refs/heads"), shop.git("status", "--porcelain")) == before


def killed_after(shop: Shop, call: int, command: tuple[str, ...], by: str = "KILL") -> bool:
    """End the command after one of git's calls; whether there are so many."""
    folder = shop.root.parent / "shims"
    folder.mkdir(exist_ok=True)
    (folder / "git").write_text(KILLED_AFTER.replace("{git}", GIT))
    (folder / "git").chmod(0o755)
    (folder / "count").write_text("")
    settings = {"KILL_AT": str(call), "KILL_COUNT": str(folder / "count"), "KILL_BY": by}
    path = f"{folder}:{os.environ['PATH']}"
    words = ["make", *command]
    environment = os.environ | settings | {"PATH": path}
    done = subprocess.run(
        words, cwd=shop.root, env=environment, capture_output=True, text=True, check=False
    )
    told = {"KILL": "Killed", "INT": "stopped; the same command goes on from here"}[by]
    assert (done.returncode == 0) != (told in done.stderr), done.stderr
    return done.returncode != 0


@pytest.mark.parametrize(
    ("command", "calls"), [(START, 3), (("release-finish",), 6)], ids=["start", "finish"]
)
def test_wherever_it_is_killed_the_same_command_goes_on(
    shop: Shop, command: tuple[str, ...], calls: int
) -> None:
    if command != START:
        shop.make(*START)
    before = shop.root.rename(shop.root.with_name("before"))
    for call in range(1, calls + 2):
        shutil.copytree(before, shop.root, symlinks=True)
        assert killed_after(shop, call, command) == (call <= calls)
        if call < calls:
            assert "v1.0.0" in shop.make(*command)
        assert outcome(shop, command) == ENDS[command[0]]
        shutil.rmtree(shop.root)


def test_ctrl_c_says_that_the_same_command_goes_on(shop: Shop) -> None:
    shop.make(*START)
    assert killed_after(shop, 2, ("release-finish",), by="INT")
    assert shop.git("branch", "--show-current") == "main"
    shop.make("release-finish")
    assert outcome(shop, ("release-finish",)) == ENDS["release-finish"]


def test_what_was_written_and_not_committed_is_committed(shop: Shop) -> None:
    """Killed between two files, or stopped by a hook of somebody's."""
    shop.git("switch", "--quiet", "--create", "release-v1.0.0")
    project = shop.root / "pyproject.toml"
    project.write_text(project.read_text().replace('version = "0.1.0"', 'version = "1.0.0"'))
    shop.make(*START)
    assert outcome(shop, START) == ENDS["release-start"]
    dirty(shop)
    assert "not committed:\n  README.md" in shop.make("release-finish", code=2)


def outcome(shop: Shop, command: tuple[str, ...]) -> list[str]:
    """What a finished command leaves: the branch, what is dirty, and each commit once."""
    branch = shop.git("branch", "--show-current")
    dirt = shop.git("status", "--porcelain")
    return [
        branch,
        dirt,
        *shop.git(
            "log", "--topo-order", "--format=%s", f"-{len(ENDS[command[0]]) - 2}"
        ).splitlines(),
    ]


ENDS = {
    "release-start": ["release-v1.0.0", "", "chore(release): 1.0.0", "feat(api): a list"],
    "release-finish": [
        *("develop", "", "Merge tag 'v1.0.0' into develop"),
        *("Merge branch 'release-v1.0.0'", "chore(release): 1.0.0", "feat(api): a list"),
    ],
}


def test_a_repository_may_say_development_have_no_remote_and_several_work_trees(
    tmp_path: Path,
) -> None:
    shop = published(tmp_path, "workflow=git-flow", develop="development")
    shop.git("remote", "remove", "origin")
    shop.git("tag", "v0.9.0-rc.1")
    shop.git("worktree", "add", "--quiet", "../other work", "-b", "feat/other")
    shop.make(*START)
    told = shop.make("release-finish")
    assert "v1.0.0 is in main, development." in told
    assert "There is no remote to push to yet" in told
    other = Shop(tmp_path / "other work")
    shutil.copytree(shop.root / ".venv", other.root / ".venv", symlinks=True)
    other.git("switch", "--quiet", "main")
    assert shop.git("branch", "--show-current") == "development"
    other.make("hotfix-start", "VERSION=1.0.1")
    other.commit("fix: the list ends", "list.txt", "end\n")
    told = other.make("hotfix-finish", code=2)
    assert "development" in told
    assert "run the same command again" in told
    shop.git("switch", "--quiet", "--detach")
    assert "v1.0.1 is in main, development." in other.make("hotfix-finish")


@pytest.mark.parametrize("workflow", ["git-flow", "trunk"])
def test_without_an_answer_nothing_of_it_is_there(tmp_path: Path, workflow: str) -> None:
    """And with one, every line that it adds elsewhere would be found."""
    for folder in ("none", "one"):
        (tmp_path / folder).mkdir()
    others = only("github", "pre_commit")
    none = rendered(tmp_path / "none", *others)
    one = rendered(tmp_path / "one", *others, f"workflow={workflow}")
    assert traces(none, "workflow") == []
    assert untraceable(none, one, "workflow") == []
    other = {"git-flow": "trunk", "trunk": r"git.?flow|(release|hotfix)-(start|finish)"}[workflow]
    lines = [
        f"{path}:{line}" for path in files(one) for line in path.read_text("utf-8").split("\n")
    ]
    assert not [line for line in lines if re.search(other, line.removeprefix(str(tmp_path)))]


@pytest.mark.parametrize(
    ("workflow", "tests"),
    [("git-flow", "tests/workflow"), ("trunk", "tests/workflow/test_trunk.py")],
)
def test_a_render_passes_its_own_tests(
    tmp_path: Path, everything: Path, workflow: str, tests: str
) -> None:
    shop = rendered(tmp_path, f"workflow={workflow}")
    done = of_render(everything).run(*PYTEST, tests, cwd=shop, env=os.environ)
    assert done.returncode == 0, done.stdout


def test_a_trunk_is_released_where_it_stands(tmp_path: Path) -> None:
    shop = published(tmp_path, "workflow=trunk")
    shop.make("hooks")
    command = ("release", "VERSION=1.0.0")
    assert "release-start" not in (listed := shop.make("help"))
    assert "make release  " in listed
    before = shop.root.rename(shop.root.with_name("before"))
    for call in (1, 2, 3, 4):
        shutil.copytree(before, shop.root, symlinks=True)
        assert killed_after(shop, call, command) == (call < 4)
        push(shop, shop.make(*command), "main v1.0.0") if call == 4 else shop.make(*command)
        assert shop.told("v1.0.0") == ("1.0.0", ["1.0.0"])
        assert shop.git("status", "--porcelain") == ""
        assert "there is nothing to release" in shop.make("release", "VERSION=1.1.0", code=2)
        shutil.rmtree(shop.root)


def test_pre_commit_has_the_same_hooks(
    tmp_path: Path, everything: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = published(tmp_path, "workflow=git-flow", "features=[pre_commit]")
    shutil.rmtree(shop.root / ".venv")
    (shop.root / ".venv").symlink_to(everything / ".venv")
    (shop.root / ".git/info/exclude").write_text(".venv\n")
    said([".venv/bin/python", "-m", "pre_commit", "install"], shop.root, os.environ)
    config = (shop.root / ".pre-commit-config.yaml").read_text("utf-8")
    assert findings(yamllint(shop.root / ".pre-commit-config.yaml")) == ""
    hooks = re.findall(r"id: (\w+)", config)
    monkeypatch.setenv("SKIP", ",".join(hook for hook in hooks if hook not in {"message", "names"}))
    assert_hooks_refuse(shop)
    assert not (shop.root / ".githooks").exists()


def test_git_refuses_a_message_and_a_name_and_says_what_would_be_right(shop: Shop) -> None:
    shop.make("hooks")
    assert_hooks_refuse(shop)


def assert_hooks_refuse(shop: Shop) -> None:
    shop.git("switch", "--quiet", "--create", "Feature_log-in", "main")
    (shop.root / "log_in.txt").write_text("\n")
    shop.git("add", "log_in.txt")
    refused = shop.git("commit", "--message", "WIP", code=1)
    assert "message: The first line of the message must say what kind of change it is" in refused
    shop.git("commit", "--message", "feat: log in")
    refused = shop.git("push", "origin", "HEAD", code=1)
    assert "git branch -m Feature_log-in feature/log-in" in refused
    shop.git("branch", "-m", "feature/log-in")
    shop.git("push", "--quiet", "origin", "HEAD")
    shop.git("tag", "v7.0.0", "-m", "x", "HEAD")
    shop.commit("fix: log in", "log_in.txt", "x\n")
    shop.git("tag", "--force", "v7.0.0", "-m", "x", "HEAD")
    assert "v7.0.0 is to be version 7.0.0, and pyproject.toml has 0.1.0 there." in shop.git(
        *("push", "origin", "v7.0.0"), code=1
    )
    assert shop.git("ls-remote", "origin", "v7.0.0", "Feature_log-in") == ""
