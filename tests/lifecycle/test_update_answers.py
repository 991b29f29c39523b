"""Answers in an update: new ones, given ones, those that were edited; and features."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lifecycle.conftest import (
    COLOUR,
    MINE,
    NAME,
    ONE,
    TEN,
    TWO,
    Package,
    commit,
    fingerprint,
    write,
)
from tests.lifecycle.test_update import refused
from tests.project.conftest import git, tree
from tests.project.test_terminal import CTRL_C, CTRL_U, ENTER
from tests.terminal import headstart_at_terminal

# -- answers ---------------------------------------------------------------------------------------

SIZE = "size: {type: int, help: 'Which size?', default: 3}\n"


def test_new_questions_take_their_defaults_and_are_shown(package: Package, shop: Path) -> None:
    package.questions = NAME + COLOUR
    package.release("3.0.0", {"colour.txt.jinja": "{{ colour }}\n"})
    told = package.told("update", cwd=shop)
    assert told["new_answers"] == {"colour": "red"}
    assert (shop / "colour.txt").read_text() == "red\n"


def test_answers_can_be_given(package: Package, shop: Path) -> None:
    package.questions = NAME + COLOUR
    package.release("3.0.0", {"colour.txt.jinja": "{{ colour }}\n"})
    told = package.told("update", "--data", "colour=blue", cwd=shop)
    assert told["new_answers"] == {"colour": "blue"}
    assert (shop / "colour.txt").read_text() == "blue\n"
    run = package.headstart("update", "--data", "color=blue", cwd=shop)
    assert run.returncode == 64
    assert "did you mean colour" in run.stderr
    package.told("update", "--data", "colour=green", cwd=shop)
    assert (shop / "colour.txt").read_text() == "green\n"


def test_a_question_that_only_a_newer_template_has_is_told_with_the_way_there(
    package: Package, shop: Path, tmp_path: Path
) -> None:
    package.questions = NAME + COLOUR
    package.release("3.0.0", {})
    package.questions = NAME + COLOUR + SIZE
    package.release("4.0.0", {})
    before = tree(shop)
    blue = ("--data", "colour=blue")
    run = package.headstart("update", "--to", "2.0.0", *blue, cwd=shop)
    assert (run.returncode, "The template 2.0.0 has no question colour." in run.stderr) == (
        64,
        True,
    )
    assert "headstart update --to 3.0.0 --data colour=…" in run.stderr
    both = (*blue, "--data", "size=1")
    for words in (("update", "--to", "3.0.0"), ("new", tmp_path / "a b", "--version", "3.0.0")):
        run = package.headstart(*words, *both, cwd=shop)
        assert run.returncode == 64
        assert "The template 3.0.0 has no question size." in run.stderr
        assert "4.0.0 has it" in run.stderr
    assert f"headstart new '{tmp_path}/a b' --version 4.0.0 --data size=…" in run.stderr
    assert tree(shop) == before

    package.questions += "shape: {type: str, help: 'Which shape?', default: round}\n"
    package.template({})
    run = package.headstart("update", "--data", "shape=flat", cwd=shop)
    assert "no release has it yet, HEAD has" in run.stderr


def test_settings_that_come_and_go_are_told(package: Package, tmp_path: Path) -> None:
    package.release("1.0.0", {".env.example": "SECRET=change-me\nOLD=1\n"})
    shop = package.new(tmp_path / "shop", "1.0.0")
    package.release("2.0.0", {".env.example": "SECRET=change-me\n# Where:\n# PLACE=here\n"})
    told = package.told("update", "--preview", cwd=shop)
    assert (told["new_settings"], told["gone_settings"]) == (["PLACE"], ["OLD"])
    text = package.headstart("update", cwd=shop).stdout
    assert "new setting, see .env.example: PLACE" in text
    assert "removed setting: OLD" in text


def test_new_questions_are_asked_at_a_terminal(
    package: Package, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package.questions = NAME + COLOUR
    package.release("3.0.0", {"colour.txt.jinja": "{{ colour }}\n"})
    monkeypatch.setenv("PYTHONPATH", str(package.root))
    for keys, code in (((CTRL_C,), 130), ((CTRL_U, "green", ENTER), 0)):
        terminal = headstart_at_terminal("update", cwd=shop)
        try:
            terminal.expect("Which colour?")
            terminal.type(*keys)
            assert terminal.end() == code
        finally:
            terminal.close()
        assert (shop / "colour.txt").exists() == (code == 0)
    assert (shop / "colour.txt").read_text() == "green\n"


def test_a_question_that_is_no_longer_asked_is_dropped_with_a_word(
    package: Package, tmp_path: Path
) -> None:
    package.questions = NAME + SIZE
    package.release("1.0.0", ONE)
    shop = package.new(tmp_path / "shop", "1.0.0", "size=5")
    package.questions = NAME
    package.release("2.0.0", TWO)
    told = package.told("update", cwd=shop)
    assert told["dropped_answers"] == ["size"]
    assert "size" not in (shop / ".copier-answers.yml").read_text()


@pytest.mark.parametrize(
    ("old", "new"), [("project_name: shop", "project_name: cart"), ("v1.0.0", "v1.1.0")]
)
def test_answers_that_were_edited_by_hand_are_told_from_the_files(
    package: Package, tmp_path: Path, old: str, new: str
) -> None:
    package.release("1.0.0", {"name.txt.jinja": f"{{{{ project_name }}}}\n{TEN}", "a.txt": TEN})
    shop = package.new(tmp_path / "shop", "1.0.0")
    package.release("1.1.0", {"a.txt": MINE})
    package.release("2.0.0", {"e.txt": "e\n"})
    answers = shop / ".copier-answers.yml"
    answers.write_text(answers.read_text().replace(old, new))
    write(shop / "z.txt", "z\n")
    commit(shop)
    refused(package, shop, "was edited by hand", "put it back: git checkout")
    git("checkout", "--quiet", "HEAD^", "--", ".copier-answers.yml", cwd=shop)
    commit(shop)
    assert package.told("update", cwd=shop)["applied"]


def test_an_update_whose_commit_was_rewritten_is_still_believed(
    package: Package, shop: Path
) -> None:
    package.told("update", cwd=shop)
    git("commit", "--quiet", "--amend", "--message", "Squashed", cwd=shop)
    package.release("3.0.0", {"f.txt": "f\n"})
    assert package.told("update", cwd=shop)["applied"]


# -- features --------------------------------------------------------------------------------------

FEATURES = (
    "features: {type: str, help: 'Which?', multiselect: true, choices: [mail, maps], default: []}\n"
)
EXCLUDED = """\
_exclude:
  - |
    {% if "mail" not in features | default([]) %}
    /mail
    {% endif %}
"""


@pytest.fixture
def plain(package: Package, tmp_path: Path) -> Path:
    """A project without features, of a template that has them."""

    def make(package: Package, shop: Path) -> None:
        package.questions, package.options = NAME + FEATURES, EXCLUDED
        package.release("1.0.0", {**ONE, "mail/m.txt": TEN, "list.txt.jinja": "{{ features }}\n"})
        package.new(shop, "1.0.0")

    return package.begun(tmp_path / "shop", make)


def test_a_feature_comes_goes_and_comes_back_the_same(package: Package, plain: Path) -> None:
    without = tree(plain)
    package.told("feature", "add", "mail", cwd=plain)
    with_it = tree(plain)
    assert "mail/m.txt" in with_it
    package.told("feature", "remove", "mail", cwd=plain)
    assert tree(plain) == without
    package.told("feature", "add", "mail", cwd=plain)
    assert tree(plain) == with_it
    assert package.told("feature", "add", "mail", cwd=plain)["applied"] is False
    assert git("log", "-1", "--format=%s", cwd=plain) == "Add mail"


def test_a_feature_s_edited_file_is_not_lost_with_it(package: Package, plain: Path) -> None:
    package.told("feature", "add", "mail", cwd=plain)
    write(plain / "mail/m.txt", MINE)
    commit(plain)
    told = package.told("feature", "remove", "mail", cwd=plain, code=1)
    assert {each["path"]: each["outcome"] for each in told["files"]}["mail/m.txt"] == "conflict"
    assert (plain / "mail/m.txt").read_text() == MINE
    package.told("update", "--abort", cwd=plain)


def test_a_feature_that_is_not_there_names_those_that_are(package: Package, plain: Path) -> None:
    run = package.headstart("feature", "add", "mial", cwd=plain)
    assert run.returncode == 64
    assert "it has mail, maps" in run.stderr


def test_a_feature_can_be_looked_at_first(package: Package, plain: Path) -> None:
    before = fingerprint(plain)
    assert package.told("feature", "add", "mail", "--preview", cwd=plain)["applied"] is False
    assert fingerprint(plain) == before


def test_a_recorded_answer_that_is_no_longer_accepted_names_its_file(
    package: Package, tmp_path: Path
) -> None:
    package.questions = NAME + SIZE
    package.release("1.0.0", ONE)
    shop = package.new(tmp_path / "shop", "1.0.0", "size=5")
    package.questions = NAME + SIZE.replace(
        "}", ", validator: '{% if size > 3 %}is too big{% endif %}'}"
    )
    package.release("2.0.0", TWO)
    for command in ("status", "update"):
        run = package.headstart(command, cwd=shop)
        assert run.returncode == 4
        assert ".copier-answers.yml" in run.stderr
        assert "size is too big" in run.stderr
        assert "headstart update --data size=" in run.stderr
    assert package.told("update", "--data", "size=2", cwd=shop)["applied"]
