"""`headstart fleet`: many projects at once, what is shown of them, and their branches."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from tests.lifecycle.conftest import COLOUR, NAME, Package, commit, fingerprint, write
from tests.lifecycle.fleets import BRANCH, Fleet, another, fleet, refs, state, tip, torn
from tests.project.conftest import git

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
    assert "resolved by `headstart update`" in run.stdout


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
    assert text.count("branch exists") == 2
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


# -- renders ---------------------------------------------------------------------------------------


def test_equal_answers_share_their_renders(
    package: Package, first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADSTART_STATE_DIR", str(tmp_path / "state"))
    for name in ("b", "c", "d"):
        another(first, name)
    renderer, log = package.root / "bootstrap/project/renders.py", tmp_path / "renders"
    body = "    renderer = Renderer("
    counting = f'    open({str(log)!r}, "a").write("one\\n")\n'
    renderer.write_text(renderer.read_text().replace(body, counting + body, 1))
    fleet(package, first.parent, "status", "--jobs", "1", code=2)
    assert log.read_text().split() == ["one", "one"], "what they are of, and what they would be"
    fleet(package, first.parent, "update", "--jobs", "2")
    assert len(log.read_text().split()) == 2
