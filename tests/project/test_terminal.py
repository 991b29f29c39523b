"""The questionnaire at a real terminal."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project.conftest import answers_without, tree
from tests.terminal import Terminal, headstart_at_terminal

ENTER, DOWN, SPACE = "\r", "\x1b[B", " "
CTRL_C, CTRL_U, CTRL_D = "\x03", "\x15", "\x04"


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def open_terminal(
    terminals: list[Terminal], *arguments: str, cwd: Path, **options: int
) -> Terminal:
    terminals.append(headstart_at_terminal(*arguments, cwd=cwd, **options))
    return terminals[-1]


def go_on(terminal: Terminal) -> int:
    """Agree to the summary of the answers, and wait for the command to end."""
    terminal.expect("Go on with these answers")
    terminal.type(ENTER)
    return terminal.end()


def test_only_what_is_open_is_asked_and_enter_takes_the_default(
    terminals: list[Terminal], tmp_path: Path
) -> None:
    file = answers_without("project_name", "description", folder=tmp_path)
    terminal = open_terminal(terminals, "new", "shop", "--data-file", file, cwd=tmp_path)
    terminal.expect("What is the project called?")
    terminal.type(ENTER)
    terminal.expect("What is it for, in one sentence?")
    terminal.expect("The shop backend.")
    terminal.type(ENTER)
    terminal.expect("Go on with these answers")
    terminal.type(ENTER)
    terminal.expect("First commit")
    assert terminal.end() == 0
    assert (tmp_path / "shop/.copier-answers.yml").is_file()


def test_a_broken_rule_is_shown_whole_above_the_question_that_is_asked_again(
    terminals: list[Terminal], tmp_path: Path
) -> None:
    file = answers_without("project_name", folder=tmp_path)
    terminal = open_terminal(
        terminals, "new", "shop", "--data-file", file, cwd=tmp_path, columns=80
    )
    terminal.expect("What is the project called?")
    terminal.type(CTRL_U, "My Shop", ENTER)
    terminal.expect("✗ ")
    rule = terminal.expect("? What is the project called?")
    assert " ".join(rule.split()) == (
        "must be 1 to 40 lower-case letters, digits and single hyphens, starting with a letter "
        "(given: My Shop)"
    )
    assert max(map(len, rule.splitlines())) <= 80
    terminal.expect("My Shop")
    terminal.type(CTRL_U, "cart", ENTER)
    terminal.expect("cart")
    assert go_on(terminal) == 0
    assert "project_name: cart" in (tmp_path / "shop/.copier-answers.yml").read_text()


def test_choices_are_selected_and_later_questions_follow_from_them(
    terminals: list[Terminal], tmp_path: Path
) -> None:
    file = answers_without("venv_layout", "venv_root", preset="custom", folder=tmp_path)
    terminal = open_terminal(terminals, "new", "shop", "--data-file", file, cwd=tmp_path)
    terminal.expect("Where does its virtual environment live?")
    terminal.type(DOWN, ENTER)
    terminal.expect("Which folder holds the shared environments?")
    terminal.type(ENTER)
    assert go_on(terminal) == 0
    assert "venv_layout: shared" in (tmp_path / "shop/.copier-answers.yml").read_text()


def test_several_choices_are_ticked(terminals: list[Terminal], tmp_path: Path) -> None:
    file = answers_without("features", preset="custom", folder=tmp_path)
    terminal = open_terminal(terminals, "new", "shop", "--data-file", file, cwd=tmp_path)
    terminal.expect("Which features does it have?")
    terminal.expect("cache: ")
    terminal.type(SPACE, DOWN, SPACE, ENTER)
    assert go_on(terminal) == 0
    answers = (tmp_path / "shop/.copier-answers.yml").read_text()
    assert "features:\n- operations\n- idempotency\n" in answers


def test_the_result_can_be_piped_away_while_questions_are_asked(
    terminals: list[Terminal], tmp_path: Path
) -> None:
    file = answers_without("project_name", "description", folder=tmp_path)
    given = ("--data-file", file, "--json")
    with (tmp_path / "out.json").open("w") as out:
        terminal = open_terminal(
            terminals, "new", "shop", *given, cwd=tmp_path, stdout=out.fileno()
        )
        for question in ("What is the project called?", "What is it for, in one sentence?"):
            terminal.expect(question)
            terminal.type(ENTER)
        assert go_on(terminal) == 0
    assert json.loads((tmp_path / "out.json").read_text())["sources"]["project_name"] == "asked"


def test_the_summary_leads_back_to_any_answer_and_what_depends_on_it_is_asked_again(
    terminals: list[Terminal], tmp_path: Path
) -> None:
    open_ones = ("project_name", "description", "style")
    file = answers_without(*open_ones, preset="custom", folder=tmp_path)
    terminal = open_terminal(
        terminals, "new", "shop", "--data-file", file, cwd=tmp_path, columns=60
    )
    for question in ("What is the project called?", "What is it for", "What formats its code?"):
        terminal.expect(question)
        terminal.type(ENTER)
    terminal.expect("Go on with these answers")
    summary = terminal.expect("style")
    assert [line.split() for line in summary.splitlines() if "»" in line or "shop" in line] == [
        ["»", "Go", "on"],
        ["project_name", "shop"],
        ["description", "The", "shop", "backend."],
    ]
    terminal.type(DOWN, ENTER)
    terminal.expect("What is the project called?")
    terminal.type(CTRL_U, "cart", ENTER)
    terminal.expect("What is it for")
    terminal.expect("The cart backend.")
    terminal.type(CTRL_U, "x" * 80, ENTER)
    between = terminal.expect("Go on with these answers")
    assert "What formats" not in between
    assert f"{'x' * 40}…" in terminal.expect("style")
    terminal.type(ENTER)
    assert terminal.end() == 0
    answers = (tmp_path / "shop/.copier-answers.yml").read_text()
    assert "project_name: cart\n" in answers
    assert "x" * 80 in answers


def test_leaving_at_the_summary_or_behind_it_makes_nothing(
    terminals: list[Terminal], tmp_path: Path
) -> None:
    file = answers_without("description", folder=tmp_path)
    made = tmp_path / "made"
    made.mkdir()
    for back in (False, True):
        terminal = open_terminal(terminals, "new", "shop", "--data-file", file, cwd=made)
        terminal.expect("What is it for")
        terminal.type(ENTER)
        terminal.expect("Go on with these answers")
        if back:
            terminal.type(DOWN, ENTER)
            terminal.expect("What is it for")
        terminal.type(CTRL_C)
        assert terminal.end() == 130
        assert not list(made.iterdir())


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
def test_leaving_the_questionnaire_makes_nothing(
    terminals: list[Terminal], tmp_path: Path, key: str
) -> None:
    terminal = open_terminal(terminals, "new", "shop", cwd=tmp_path)
    terminal.expect("What should the project start from?")
    terminal.type(ENTER)
    terminal.expect("What is the project called?")
    terminal.type(CTRL_U, key)
    assert terminal.end() == 130
    assert tree(tmp_path) == {}
    assert not list(tmp_path.iterdir())


def test_explain_waits_for_nobody_to_type_a_log(terminals: list[Terminal], tmp_path: Path) -> None:
    terminal = open_terminal(terminals, "explain", cwd=tmp_path)
    terminal.expect("There is nothing to explain.")
    assert terminal.end() == 64
