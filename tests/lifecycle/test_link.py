"""What is recorded is believed only if the files agree; `link` records what they say."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.project import evidence
from bootstrap.project.adoption import read_back
from bootstrap.project.values import format_value
from tests.conftest import nightly_but
from tests.lifecycle.conftest import ONE, TEN, Package, commit, write
from tests.lifecycle.test_every_version import VERSIONS, new
from tests.project.conftest import Run, git, headstart, tree

ANSWERS = ".copier-answers.yml"
RICH = (
    *("preset=custom", "project_name=warehouse", "description=It stores (and finds) things."),
    *("database=mysql", "features=[cache, security]", "python_version=3.12.7"),
    *("venv_layout=shared", "venv_root=~/envs"),
)


def run(*arguments: str, at: Path, code: int = 0) -> Run:
    done = headstart(*arguments, cwd=at)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def told(*arguments: str, at: Path, code: int = 0) -> dict[str, object]:
    document: dict[str, object] = json.loads(run(*arguments, "--json", at=at, code=code).stdout)
    return document


def recorded(shop: Path, before: str, after: str) -> None:
    """Let somebody edit the answers file, and commit it."""
    answers = shop / ANSWERS
    answers.write_text(answers.read_text().replace(before, after))
    commit(shop, "Edited")


def squash(shop: Path) -> None:
    """Forget how the project has become what it is."""
    shutil.rmtree(shop / ".git")
    git("init", "--quiet", cwd=shop)
    commit(shop, "All of it")


# -- a version that the files contradict -----------------------------------------------------------


@pytest.mark.parametrize("forget", [lambda _: None, squash], ids=["history", "squashed"])
def test_a_version_that_was_edited_is_not_believed(
    tmp_path: Path, forget: Callable[[Path], None]
) -> None:
    shop = new(tmp_path, "0.1.0")
    recorded(shop, "v0.1.0", "v0.3.0")
    recorded(shop, "description: The", "description: Our")
    forget(shop)
    if forget is squash:
        for command in ("status", "drift"):
            assert (
                "files are as in v0.1.0"
                in run(command, at=shop, code=2 * (command == "status")).stdout
            )
        assert told("drift", at=shop)["doubt"]
    refused = run("update", at=shop, code=4)
    assert "headstart link" in refused.stderr
    run("link", "--yes", at=shop)
    run("update", "--to", "0.7.0", "--no-verify", at=shop)
    assert tree(shop) == tree(new(tmp_path / "newest", "0.7.0"))


def test_a_person_can_say_that_the_record_is_right(tmp_path: Path) -> None:
    shop = new(tmp_path, "0.1.0")
    recorded(shop, "v0.1.0", "v0.3.0")
    squash(shop)
    assert told("update", "--trust-record", "--no-verify", "--to", "0.3.0", at=shop)["applied"]


def test_files_that_were_taken_from_another_release_raise_no_doubt(tmp_path: Path) -> None:
    """A few, or few beside those that are as recorded."""
    shop = new(tmp_path, "0.1.0")
    newer = new(tmp_path / "newer", "0.2.0")
    for path in ("app/core/database.py", "migrate/env.py", "app/core/errors.py"):
        if (newer / path).is_file():
            (shop / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(newer / path, shop / path)
    commit(shop)
    assert told("status", at=shop, code=2)["doubt"] is None


@given(st.data())
def test_only_a_release_with_most_of_the_telling_files_is_nearer(data: st.DataObject) -> None:
    known = {
        version: data.draw(st.frozensets(st.sampled_from("abcdefghijkl"), min_size=4))
        for version in ("v1", "v2", "v3")
    }
    true = data.draw(st.sampled_from(sorted(known)))
    edited = data.draw(st.frozensets(st.sampled_from(sorted(known[true])), max_size=8))
    names = (known[true] - edited) | {"mine"}
    assert evidence.nearer(names, true, known) is None
    for version, theirs in known.items():
        telling = known[true] - edited - theirs
        if len(telling) >= evidence.ENOUGH and not names & (theirs - known[true]):
            assert evidence.nearer(names, version, known) is not None


# -- what the files come from ----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("version", nightly_but("0.3.0", "0.8.0", of=VERSIONS))
def test_template_and_answers_are_found_again(tmp_path: Path, version: str) -> None:
    """Unless the render is the same with others: then these are as right."""
    data = RICH if version != "0.1.0" else (*RICH[1:3], *RICH[5:6])
    shop = new(tmp_path, version, *data)
    git("rm", "--quiet", ANSWERS, cwd=shop)
    write(shop / "app/mine.py", "MINE = 1\n")
    write(shop / "Makefile", (shop / "Makefile").read_text() + "\nmine:\n\techo mine\n")
    squash(shop)
    found = told("link", "--yes", at=shop)
    assert found["edited"] == 1
    assert found["gone"] == 0
    again = [f"{name}={format_value(value)}" for name, value in found["answers"].items()]  # type: ignore[attr-defined]
    same = new(tmp_path / "same", str(found["version"]), *again)
    ours, theirs = (
        {path: each for path, each in tree(at).items() if path not in {ANSWERS, "Makefile"}}
        for at in (shop, same)
    )
    ours.pop("app/mine.py")
    assert ours == theirs
    git("commit", "--quiet", "--allow-empty", "--message", "More", cwd=shop)
    assert told("link", at=shop)["recorded"] is True


@pytest.mark.slow
def test_a_project_of_which_every_file_was_formatted_is_known_by_its_lines(tmp_path: Path) -> None:
    shop = new(tmp_path, "0.3.0", "preset=custom", "features=[cache]", "project_name=till")
    git("rm", "--quiet", ANSWERS, cwd=shop)
    for path in git("ls-files", cwd=shop).splitlines():
        lines = (shop / path).read_text().splitlines()
        (shop / path).write_text("".join(f"{line} \n" for line in lines))
    commit(shop)
    found = told("link", "--yes", at=shop)
    assert found["version"] in {"v0.3.0", "v0.4.0"}  # which render the same with these answers
    answers = dict(found["answers"])  # type: ignore[call-overload]
    assert (answers["features"], answers["project_name"]) == (["cache"], "till")


def test_what_people_say_is_not_doubted(tmp_path: Path) -> None:
    shop = new(tmp_path, "0.5.0")
    git("rm", "--quiet", ANSWERS, cwd=shop)
    found = told("link", "--version", "0.4.0", "--data", "description=Mine.", at=shop)
    assert (found["version"], found["recorded"]) == ("v0.4.0", False)
    assert found["answers"]["description"] == "Mine."  # type: ignore[index]
    assert git("status", "--porcelain", cwd=shop) == f"D  {ANSWERS}"


def test_a_project_of_another_template_says_what_works(tmp_path: Path) -> None:
    shop = new(tmp_path, "0.5.0")
    recorded(shop, "gh:headstart-dev/headstart", "https://example.com/acme/layer.git")
    refused = run("update", at=shop, code=4).stderr
    assert "https://example.com/acme/layer.git" in refused
    assert "copier update" in refused
    run("link", "--yes", at=shop)
    assert told("update", "--no-verify", at=shop)["from"] == "v0.5.0"


@pytest.mark.parametrize(
    "address",
    ["https://github.com/headstart-dev/headstart.git", "git@github.com:headstart-dev/headstart"],
)
def test_an_address_may_be_written_otherwise(tmp_path: Path, address: str) -> None:
    shop = new(tmp_path, "0.5.0")
    recorded(shop, "gh:headstart-dev/headstart", address)
    assert told("update", "--no-verify", at=shop)["from"] == "v0.5.0"


def test_what_comes_from_no_template_is_not_linked(tmp_path: Path) -> None:
    write(tmp_path / "shop/main.py", "print(1)\n")
    git("init", "--quiet", cwd=tmp_path / "shop")
    commit(tmp_path / "shop")
    refused = run("link", at=tmp_path / "shop", code=4).stderr
    assert "come from no template" in refused
    assert "headstart link" in run("status", at=tmp_path / "shop", code=64).stderr


def test_line_ends_and_moves_hide_nothing(package: Package, tmp_path: Path) -> None:
    package.release("1.0.0", {**ONE, "name.txt.jinja": "It is called {{ project_name }}.\n"})
    package.release("2.0.0", {"a.txt": TEN + "11\n", "deep/c.txt": "other\n"})
    shop = package.new(tmp_path / "shop", "1.0.0", "project_name=cart")
    for name in ("a.txt", "name.txt"):
        write(shop / name, (shop / name).read_bytes().replace(b"\n", b"\r\n"))
    (shop / "moved").mkdir()
    git("mv", "deep/c.txt", "moved/c.txt", cwd=shop)
    git("rm", "--quiet", ANSWERS, cwd=shop)
    commit(shop)
    found = package.told("link", cwd=shop)
    assert (found["version"], found["answers"]) == ("v1.0.0", {"project_name": "cart"})


# -- answers in lines ------------------------------------------------------------------------------

MARKS = {"name": "qz1x", "python": "3.13.97"}


@given(st.text(st.characters(categories=["L", "N"], include_characters=" -."), min_size=1))
def test_an_answer_is_read_back_from_its_line(value: str) -> None:
    made = "# qz1x\nname = 'qz1x-qz1x'\nboth qz1x 3.13.97\npython: 3.13.97\n"
    here = made.replace("qz1x", value).replace("3.13.97", "3.12.1")
    assert dict(read_back(made, here, MARKS)) == {"name": value, "python": "3.12.1"}


def test_a_line_that_two_values_would_make_tells_nothing() -> None:
    assert list(read_back("name = qz1x", "name = a\nname = b", MARKS)) == []
