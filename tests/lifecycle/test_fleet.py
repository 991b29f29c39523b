"""`headstart fleet`: many projects at once, of which one that fails stops none of the others."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import disk, remount
from tests.lifecycle.conftest import NAME, Package, commit, write
from tests.lifecycle.test_update import COLOUR, TEN, TWO, edited, fingerprint
from tests.project.conftest import git, tree

BRANCH = "headstart/update-2.0.0"


@pytest.fixture
def first(package: Package, tmp_path: Path) -> Path:
    """A project of 1.0.0 that has an edit, where 2.0.0 is to be had; alone in its folder."""
    (tmp_path / "code").mkdir()
    return edited(package, tmp_path / "code/a", TWO)


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


# -- looking ---------------------------------------------------------------------------------------


def test_each_stands_as_status_says_it_does(package: Package, first: Path) -> None:
    package.told("update", cwd=another(first, "current"))
    torn(first, "torn")
    shutil.rmtree(another(first, "bare") / ".git")
    found = fleet(package, first.parent, "status", code=1)
    assert found.endings() == {
        "a": "clean",
        "bare": "failed",
        "current": "up-to-date",
        "torn": "conflicts",
    }
    alone = package.told("status", cwd=first, code=2)
    told = found.projects["a"]
    for ours, theirs in (("version", "version"), ("to", "newest"), ("behind", "behind")):
        assert told[ours] == alone[theirs]
    assert (told["drifted"], told["counts"]) == (alone["drifted"], alone["counts"])
    assert found.projects["torn"]["conflicts"] == ["a.txt"]
    assert found.counts == {"clean": 1, "failed": 1, "up-to-date": 1, "conflicts": 1}
    preview = fleet(package, first.parent, "update", "--preview", code=1)
    assert preview.endings() == found.endings()


def test_looking_touches_nothing(package: Package, first: Path) -> None:
    write(first / "b.txt", "b\n")  # the same, but git would have to look: no index is refreshed
    write(first / "untracked.txt", "mine\n")
    before = fingerprint(first.parent)
    fleet(package, first.parent, "status", code=2)
    fleet(package, first.parent, "update", "--preview")
    assert fingerprint(first.parent) == before


def test_the_exit_code_says_what_there_is_to_do(package: Package, first: Path) -> None:
    fleet(package, first.parent, "status", code=2)
    package.told("update", cwd=first)
    fleet(package, first.parent, "status")
    fleet(package, first.parent, "update")


def test_a_table_for_people(package: Package, first: Path) -> None:
    torn(first, "torn apart")
    run = package.headstart("fleet", "status", cwd=first.parent)
    assert run.returncode == 2
    assert [line.split() for line in run.stdout.splitlines()[1:4]] == [
        ["a", "v1.0.0", "1", "1", "merges:", "5", "files"],
        ["✗", "torn", "apart", "v1.0.0", "1", "1", "1", "conflict", "in", "5", "files"],
        ["a.txt"],
    ]
    assert "2 projects: 1 can be updated, 1 with conflicts." in run.stdout
    assert "headstart fleet update" in run.stdout
    assert "2/2" in run.stderr


# -- which projects --------------------------------------------------------------------------------


def test_projects_are_found_where_a_person_has_them(package: Package, first: Path) -> None:
    code = first.parent
    for name in ("group/größe 大", "node_modules/x", ".cache/x", "env/x", "bare.git/x"):
        another(first, name)
    foreign = another(first, "foreign") / ".copier-answers.yml"
    foreign.write_text(foreign.read_text().replace("gh:headstart-dev/headstart", "gh:else/where"))
    (code / "env/pyvenv.cfg").touch()
    git("init", "--quiet", "--bare", "bare.git", cwd=code)
    shutil.copytree(code / "env/x", first / "tests/x")
    shutil.copytree(code / "env/x", first / "services/inner")
    (code / "link").symlink_to(first)
    found = package.told("fleet", "status", ".", "link", first, "group", cwd=code, code=2)
    paths = [Path(each["path"]).relative_to(code).as_posix() for each in found["projects"]]
    assert paths == ["a", "a/services/inner", "group/größe 大"]


def test_what_is_no_project_is_told_of(package: Package, first: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    names = (tmp_path / "empty", tmp_path / "nowhere", first)
    found = Fleet(package.told("fleet", "status", *names, cwd=tmp_path, code=1))
    assert found.endings() == {"a": "clean", "empty": "failed", "nowhere": "failed"}
    assert "no project here" in found.trouble("empty")
    assert "no project here" in found.trouble("nowhere")


# -- branches --------------------------------------------------------------------------------------


def test_an_update_goes_to_a_branch_and_nothing_else_changes(package: Package, first: Path) -> None:
    write(first / "a.txt", "being edited, where the update would write\n")
    write(first / "new", "in the way of a folder\n")
    write(first / "staged.txt", "staged\n")
    git("add", "staged.txt", cwd=first)
    before = state(first)
    told = fleet(package, first.parent, "update").projects["a"]
    assert state(first) == before
    assert told["branch"] == {"name": BRANCH, "commit": tip(first), "made": True, "on_top": 0}
    assert told["checked_out"] == "main"
    assert git("rev-parse", f"{BRANCH}^", cwd=first) == git("rev-parse", "HEAD", cwd=first)
    assert git("log", "-1", "--format=%an %ae %cn", BRANCH, cwd=first) == "Ada ada@example.org Ada"


def test_the_branch_holds_what_an_update_makes(package: Package, first: Path) -> None:
    plain = another(first, "plain")
    fleet(package, first, "update")
    package.told("update", cwd=plain)
    for form in ("%T", "%B", "%P"):
        here = git("log", "-1", f"--format={form}", BRANCH, cwd=first)
        assert here == git("log", "-1", f"--format={form}", cwd=plain)


def _by_fast_forward(shop: Path) -> None:
    git("merge", "--quiet", "--ff-only", BRANCH, cwd=shop)


def _by_merge(shop: Path) -> None:
    git("merge", "--quiet", "--no-ff", "--no-edit", BRANCH, cwd=shop)


def _by_squash(shop: Path) -> None:
    git("merge", "--quiet", "--squash", BRANCH, cwd=shop)
    git("commit", "--quiet", "--message", "Template (#1)", cwd=shop)


def _by_rebase(shop: Path) -> None:
    git("cherry-pick", BRANCH, cwd=shop)


def test_a_branch_that_is_merged_is_an_update(package: Package, first: Path) -> None:
    ways = (_by_fast_forward, _by_merge, _by_squash, _by_rebase)
    shops = [another(first, way.__name__) for way in ways]
    fleet(package, first.parent, "update")
    for shop, way in zip(shops, ways, strict=True):
        if way is not _by_fast_forward:
            git("commit", "--quiet", "--allow-empty", "--message", "Meanwhile", cwd=shop)
        way(shop)
    shutil.rmtree(first)
    for each in fleet(package, first.parent, "status").projects.values():
        assert (each["ending"], each["version"], each["drifted"]) == ("up-to-date", "v2.0.0", 1)
    package.release("3.0.0", {"f.txt": "f\n"})
    for each in fleet(package, first.parent, "update").projects.values():
        assert (each["ending"], each["counts"]) == ("branched", {"new": 1, "updated": 1})


def test_answers_edited_on_the_branch_s_merge_are_still_told(package: Package, first: Path) -> None:
    fleet(package, first, "update")
    git("merge", "--quiet", "--no-ff", "--no-edit", BRANCH, cwd=first)
    answers = first / ".copier-answers.yml"
    answers.write_text(answers.read_text().replace("v2.0.0", "v1.0.0"))
    commit(first)
    assert "was edited by hand" in fleet(package, first, "status", code=1).trouble("a")


def test_conflicts_make_no_branch(package: Package, first: Path) -> None:
    shop = torn(first, "torn")
    before = state(shop), refs(shop)
    found = fleet(package, first.parent, "update", code=1)
    assert found.endings() == {"a": "branched", "torn": "conflicts"}
    assert (state(shop), refs(shop)) == before
    run = package.headstart("fleet", "update", shop, cwd=first)
    assert "settled by `headstart update`" in run.stdout


def test_what_is_done_is_not_done_again(package: Package, first: Path) -> None:
    on_top = another(first, "on-top")
    fleet(package, first.parent, "update")
    git("switch", "--quiet", BRANCH, cwd=on_top)
    write(on_top / "z.txt", "z\n")
    commit(on_top)
    git("switch", "--quiet", "main", cwd=on_top)
    made = refs(first), refs(on_top)
    found = fleet(package, first.parent, "update")
    assert found.counts == {"branched": 2}
    told = {name: each["branch"] for name, each in found.projects.items()}
    assert [(each["made"], each["on_top"]) for each in told.values()] == [(False, 0), (False, 1)]
    assert (refs(first), refs(on_top)) == made
    text = package.headstart("fleet", "update", cwd=first.parent).stdout
    assert text.count("branch was there") == 2
    assert "with 1 commit on top" in text


def _moved_on(shop: Path) -> None:
    git("commit", "--quiet", "--allow-empty", "--message", "Meanwhile", cwd=shop)


def _amended(shop: Path) -> None:
    git("switch", "--quiet", BRANCH, cwd=shop)
    write(shop / "z.txt", "z\n")
    git("add", "--all", cwd=shop)
    git("commit", "--quiet", "--amend", "--no-edit", cwd=shop)
    git("switch", "--quiet", "main", cwd=shop)


def _empty(shop: Path) -> None:
    git("branch", "--force", BRANCH, "HEAD", cwd=shop)


def _foreign(shop: Path) -> None:
    git("branch", "--force", BRANCH, "HEAD^", cwd=shop)


def test_a_branch_with_anything_else_is_never_moved(package: Package, first: Path) -> None:
    ways = (_moved_on, _amended, _empty, _foreign)
    shops = [another(first, way.__name__) for way in ways]
    fleet(package, first.parent, "update")
    for shop, way in zip(shops, ways, strict=True):
        way(shop)
    before = [refs(shop) for shop in shops]
    found = fleet(package, first.parent, "update", code=1)
    assert found.counts == {"branched": 1, "failed": 4}
    for shop in shops:
        assert "does not begin with this update" in found.trouble(shop.name)
    assert [refs(shop) for shop in shops] == before
    again = fleet(package, first.parent, "update", "--branch", "another")
    assert again.counts == {"branched": 5}


def test_the_release_and_the_branch_can_be_named(package: Package, first: Path) -> None:
    package.release("3.0.0", {"f.txt": "f\n"})
    newer = another(first, "newer")
    package.told("update", cwd=newer)
    found = fleet(package, first.parent, "update", "--to", "2.0.0", "--branch", "chore/template")
    assert found.endings() == {"a": "branched", "newer": "up-to-date"}
    answers = yaml.safe_load(git("show", "chore/template:.copier-answers.yml", cwd=first))
    assert answers["_commit"] == "v2.0.0"
    for options, said in (
        (("--to", "9.9.9"), "not in this package"),
        (("--branch", "a..b"), "a..b"),
    ):
        run = package.headstart("fleet", "update", *options, cwd=first)
        assert run.returncode == 64
        assert said in run.stderr


def test_new_answers_are_shown(package: Package, first: Path) -> None:
    package.questions = NAME + COLOUR
    package.release("3.0.0", {"colour.txt.jinja": "{{ colour }}\n"})
    run = package.headstart("fleet", "update", cwd=first)
    assert "New answers in 1 project: colour = red" in run.stdout
    assert git("show", "headstart/update-3.0.0:colour.txt", cwd=first) == "red"


# -- places ----------------------------------------------------------------------------------------


def test_projects_of_one_repository_have_a_branch_each(package: Package, first: Path) -> None:
    code = first.parent
    shutil.rmtree(first / ".git")
    another(first, "big shop")
    git("init", "--quiet", cwd=code)
    commit(code)
    found = fleet(package, code, "update", "--jobs", "2")
    assert found.counts == {"branched": 2}
    for name in ("a", "big-shop"):
        changed = git("diff", "--name-only", "HEAD", f"{BRANCH}-{name}", cwd=code)
        assert {Path(line.strip('"')).parts[0] for line in changed.splitlines()} == {
            name.replace("-", " ")
        }
    git("merge", "--quiet", f"{BRANCH}-a", cwd=code)
    git("merge", "--quiet", "--no-edit", f"{BRANCH}-big-shop", cwd=code)
    assert fleet(package, code, "status").counts == {"up-to-date": 2}


def test_a_linked_work_tree_and_a_detached_head(package: Package, first: Path) -> None:
    linked = first.parent / "linked"
    git("worktree", "add", "--quiet", "--detach", str(linked), "HEAD", cwd=first)
    write(linked / "z.txt", "z\n")
    head = commit(linked)
    found = fleet(package, linked, "update")
    assert found.projects["linked"]["checked_out"] == head[:10]
    assert git("rev-parse", f"{BRANCH}^", cwd=first) == head
    assert "does not begin" in fleet(package, first, "update", code=1).trouble("a")


def _unborn(shop: Path) -> None:
    git("checkout", "--quiet", "--orphan", "nothing", cwd=shop)


def _damaged(shop: Path) -> None:
    shutil.rmtree(shop / ".git/objects")
    (shop / ".git/objects").mkdir()


def _broken(shop: Path) -> None:
    write(shop / ".copier-answers.yml", "_src_path: gh:headstart-dev/headstart\n_commit: [\n")
    commit(shop)


def _unknown(shop: Path) -> None:
    answers = shop / ".copier-answers.yml"
    answers.write_text(answers.read_text().replace("v1.0.0", "v0.0.7"))
    commit(shop)


def _newer(shop: Path) -> None:
    answers = shop / ".copier-answers.yml"
    answers.write_text(answers.read_text().replace("v1.0.0", "v9.0.0"))
    commit(shop)


def _uncommitted(shop: Path) -> None:
    with (shop / ".copier-answers.yml").open("a") as answers:
        answers.write("# mine\n")


def _headless(shop: Path) -> None:
    (shop / ".git/HEAD").unlink()


def _merging(shop: Path) -> None:
    (shop / ".git/MERGE_HEAD").write_text(git("rev-parse", "HEAD", cwd=shop))


def test_what_fails_is_told_and_stops_none_of_the_others(package: Package, first: Path) -> None:
    troubles = {
        "unborn": (_unborn, "has no commit yet"),
        "damaged": (_damaged, "git cannot read the repository"),
        "broken": (_broken, "cannot be used"),
        "unknown": (_unknown, "does not have v0.0.7"),
        "newer": (_newer, "does not have v9.0.0"),
        "uncommitted": (_uncommitted, "not committed"),
        "headless": (_headless, "git cannot read the repository"),
        "merging": (_merging, "in the middle of a merge"),
    }
    for name, (break_it, _) in troubles.items():
        break_it(another(first, name))
    found = fleet(package, first.parent, "update", code=1)
    assert found.projects["a"]["ending"] == "branched"
    for name, (_, said) in troubles.items():
        assert said in found.trouble(name)
    run = package.headstart("fleet", "status", cwd=first.parent)
    assert "Traceback" not in run.stdout + run.stderr
    assert "does not have v0.0.7" in run.stdout
    assert "→ use a headstart that is as new as the project" in run.stdout


def test_an_update_that_is_underway_is_left_alone(package: Package, first: Path) -> None:
    shop = torn(first, "torn")
    package.told("update", cwd=shop, code=1)
    before = state(shop), refs(shop)
    assert "is not finished" in fleet(package, shop, "update", code=1).trouble("torn")
    assert (state(shop), refs(shop)) == before


def test_a_repository_that_cannot_be_written(package: Package, first: Path) -> None:
    with disk(first.parent / "disk") as at:
        shutil.copytree(first, at / "locked", symlinks=True)
        remount(at, "ro")
        found = fleet(package, first.parent, "status", code=2)
        assert found.endings() == {"a": "clean", "locked": "clean"}
        found = fleet(package, first.parent, "update", code=1)
        assert found.endings() == {"a": "branched", "locked": "failed"}
        assert "Read-only file system" in found.trouble("locked")


# -- interrupted -----------------------------------------------------------------------------------

PAUSE = """\
#!/bin/sh
case " $* " in *" {when} "*)
    if [ "$(basename "$PWD")" = "{where}" ]; then : > "{sign}"; {what}; fi
esac
exec {git} "$@"
"""


def git_that(folder: Path, what: str, *, when: str, where: str) -> dict[str, str]:
    """The environment in which git does something first, at one command in one folder."""
    real, sign = shutil.which("git"), folder / "sign"
    write(folder / "bin/git", PAUSE.format(git=real, sign=sign, what=what, when=when, where=where))
    (folder / "bin/git").chmod(0o755)
    return {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}


def started(package: Package, folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bootstrap", "fleet", "update", "--jobs", "2"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(package.root), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 600
    while not path.exists():
        assert time.monotonic() < deadline, f"no {path}"
        time.sleep(0.01)


@pytest.mark.slow
def test_a_worker_that_dies_takes_one_project_with_it(
    package: Package, first: Path, tmp_path: Path
) -> None:
    for name in ("b", "c", "d"):
        another(first, name)
    crash = 'kill -KILL "$PPID"'
    environment = git_that(tmp_path, crash, when="merge-tree", where="b")
    run = started(package, first.parent, environment)
    out, _ = run.communicate()
    assert run.returncode == 1
    assert "died: SIGKILL" in out
    assert "4 projects: 3 on a branch, 1 failed." in out
    assert fleet(package, first.parent, "update").counts == {"branched": 4}


@pytest.mark.slow
@pytest.mark.parametrize("when", ["merge-tree", "update-ref"])
def test_killed_in_the_middle_it_goes_on_with_the_same_command(
    package: Package, first: Path, tmp_path: Path, when: str
) -> None:
    shops = [first, *(another(first, name) for name in ("b", "c", "d"))]
    for shop in shops:
        write(shop / "untracked.txt", "mine\n")
    before = [state(shop) for shop in shops]
    run = started(
        package, first.parent, git_that(tmp_path, "exec sleep 3600", when=when, where="b")
    )
    wait_for(tmp_path / "sign")
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    (shops[1] / f".git/refs/heads/{BRANCH}").parent.mkdir(exist_ok=True, parents=True)
    (shops[1] / f".git/refs/heads/{BRANCH}.lock").touch()  # what a killed git leaves behind
    assert fleet(package, first.parent, "update").counts == {"branched": 4}
    assert [state(shop) for shop in shops] == before
    for shop in shops:
        assert git("rev-list", "--count", "main..headstart/update-2.0.0", cwd=shop) == "1"
        git("fsck", "--strict", cwd=shop)


@pytest.mark.slow
def test_workers_end_with_a_fleet_that_is_killed(
    package: Package, first: Path, tmp_path: Path
) -> None:
    another(first, "b")
    pause = "sleep 1"
    run = started(package, first.parent, git_that(tmp_path, pause, when="merge-tree", where="b"))
    wait_for(tmp_path / "sign")
    run.kill()
    assert run.communicate(timeout=600)[0] == "", "ends with the last process that can write there"


@pytest.mark.slow
def test_ctrl_c_ends_all_at_once(package: Package, first: Path, tmp_path: Path) -> None:
    another(first, "b")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    paused = git_that(tmp_path, "exec sleep 3600", when="merge-tree", where="b")
    run = started(package, first.parent, {"TMPDIR": str(temporary), **paused})
    wait_for(tmp_path / "sign")
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to all of them
    out, err = run.communicate(timeout=600)
    assert run.returncode == 130
    assert "Interrupted" in err
    assert "Traceback" not in out + err
    assert not list(temporary.iterdir()), "what the workers had begun is cleared away"
    assert not branched(first.parent / "b")


@pytest.mark.slow
def test_two_fleets_at_once_do_not_mix(package: Package, first: Path) -> None:
    shops = [first, *(another(first, name) for name in ("b", "c"))]
    both = [started(package, first.parent, {}) for _ in range(2)]
    told = [run.communicate() for run in both]
    assert all("Traceback" not in err for _, err in told)
    for shop in shops:
        assert git("rev-list", "--count", f"main..{BRANCH}", cwd=shop) == "1"
    assert fleet(package, first.parent, "update").counts == {"branched": 3}


# -- renders ---------------------------------------------------------------------------------------


def test_equal_answers_share_their_renders(
    package: Package, first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADSTART_STATE_DIR", str(tmp_path / "state"))
    for name in ("b", "c", "d"):
        another(first, name)
    renderer, log = package.root / "bootstrap/project/renders.py", tmp_path / "renders"
    body = "    data = {**answers.values"
    counting = f'    open({str(log)!r}, "a").write("one\\n")\n'
    renderer.write_text(renderer.read_text().replace(body, counting + body, 1))
    fleet(package, first.parent, "status", "--jobs", "1", code=2)
    assert log.read_text().split() == ["one", "one"], "what they are of, and what they would be"
    fleet(package, first.parent, "update", "--jobs", "2")
    assert len(log.read_text().split()) == 2
