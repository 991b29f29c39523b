"""Reading what a project demands: exact values, and every problem with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.errors import ExitCode, UsageError
from bootstrap.machine import pins, toolchain
from bootstrap.machine.rules import InvalidError
from tests.machine.conftest import TOOLCHAIN, Shop

CLIENT = """\
http_client:
  command: python write.py
  files: [a.json, b.http]
  url: http://127.0.0.1:8000
"""
VALID = TOOLCHAIN.format(pip="26.3")


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADSTART_STATE_DIR", str(tmp_path / "state"))


def problems_or_none(text: str) -> list[tuple[int, str]]:
    try:
        toolchain.checked(text)
    except InvalidError as invalid:
        return [(problem.line, problem.text) for problem in invalid.problems]
    return []


def problems_of(text: str) -> list[tuple[int, str]]:
    problems = problems_or_none(text)
    assert problems, "accepted"
    return problems


def test_pins_are_absolute_and_commands_use_the_environment(shop: Shop) -> None:
    read = pins.read(shop.root)
    python = str(shop.root / ".venv" / "bin" / "python")
    assert read.venv == shop.root / ".venv"
    assert read.verification == ((python, "prove.py"),)
    assert read.migrations
    assert read.migrations.command == (python, "migrate/run.py")


def test_a_shared_environment_is_named_after_project_and_python(shop: Shop) -> None:
    shop.edit("toolchain.yml", "in-project", "shared\n  root: ~/venvs")
    (shop.root / ".python-version").write_text("3.13.0\n")
    assert pins.read(shop.root).venv == Path.home() / "venvs" / "shop_3.13.0"


def test_optional_sections_may_be_left_out(shop: Shop) -> None:
    text = (shop.root / "toolchain.yml").read_text()
    (shop.root / "toolchain.yml").write_text(text.partition("environment:")[0])
    read = pins.read(shop.root)
    assert (read.dotenv, read.migrations, read.verification) == (None, None, ())


def test_a_valid_file_is_recalled_and_a_changed_one_read_anew(shop: Shop) -> None:
    assert pins.read(shop.root) == pins.read(shop.root)
    shop.edit("toolchain.yml", "project: shop", "project: store")
    assert pins.read(shop.root).project == "store"


@pytest.mark.parametrize("damage", ["", "{}", "null", "[1]", '{"version": "1"}', "{", "\0"])
def test_what_was_kept_of_a_file_is_not_used_when_it_is_damaged(shop: Shop, damage: str) -> None:
    assert shop.headstart("plan").returncode == 0
    (kept,) = shop.state.glob("cache/toolchain-*.json")
    whole = kept.read_text()
    kept.write_text(damage)
    run = shop.headstart("plan")
    assert run.returncode == 0, run.stderr
    assert kept.read_text() == whole


def test_a_file_that_is_no_text_is_named(shop: Shop) -> None:
    (shop.root / ".python-version").write_bytes(b"3.13.\xff")
    with pytest.raises(UsageError, match=r"\.python-version cannot be read"):
        pins.read(shop.root)


def test_a_folder_without_toolchain_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no Headstart project") as caught:
        pins.read(tmp_path)
    assert caught.value.exit_code == ExitCode.USAGE
    assert caught.value.next


def test_the_project_is_found_from_a_folder_inside_it(shop: Shop) -> None:
    assert pins.locate(shop.root / "migrate" / "versions") == shop.root


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3.13\n", '.python-version:1: "3.13" is not an exact version such as 3.13.0'),
        ("# ours\n3.13.0\n3.12.1\n", ".python-version:3: holds more than one version"),
        ("\n", ".python-version:1: holds no version"),
    ],
)
def test_the_python_pin_is_one_exact_version(shop: Shop, text: str, expected: str) -> None:
    (shop.root / ".python-version").write_text(text)
    with pytest.raises(UsageError) as caught:
        pins.read(shop.root)
    assert any(line.startswith(expected) for line in caught.value.why)


def test_all_problems_are_reported_at_once_with_their_lines(shop: Shop) -> None:
    (shop.root / ".python-version").write_text("three\n")
    shop.edit("toolchain.yml", 'pip: "26.3"', "pip: newest\npipp: 1")
    shop.edit("toolchain.yml", "layout: in-project", "layout: global")
    with pytest.raises(UsageError) as caught:
        pins.read(shop.root)
    assert [line.partition(": ")[0] for line in caught.value.why] == [
        ".python-version:1",
        "toolchain.yml:3",
        "toolchain.yml:4",
        "toolchain.yml:6",
    ]
    assert 'did you mean "pip"?' in caught.value.why[2]


def test_a_pip_that_cannot_work_on_the_python_is_refused(shop: Shop) -> None:
    (shop.root / ".python-version").write_text("3.13.0\n")
    shop.edit("toolchain.yml", "26.3", "23.0.1")
    with pytest.raises(UsageError) as caught:
        pins.read(shop.root)
    assert caught.value.why == (
        "toolchain.yml: pip 23.0.1 does not work on Python 3.13.0; pin 23.1.2 or newer",
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("project: shop", "project: shop\nproject: shop", 3, "already set on line 2"),
        ("project: shop", "project: My Shop", 2, "must be lower-case letters"),
        ("version: 1", "version: 2", 1, 'must be 1, not "2"'),
        (
            "installer: pip",
            "installer: conda",
            7,
            'packages.installer must be pip or uv or poetry or pdm or pipenv, not "conda"',
        ),
        ("lock: requirements-dev.lock", "lock: ../../other.lock", 8, "a path inside the project"),
        ("  lock:", "  look:", 8, 'unknown key "packages.look"; did you mean "lock"?'),
        ("  lock: requirements-dev.lock\n", "", 7, '"packages.lock" is missing'),
        ("[SECRET_KEY]", "SECRET_KEY", 12, "must be a list of variables"),
        ("python prove.py", "python 'prove.py", 17, "balanced quotes"),
        ("layout: in-project", "layout: shared", 5, "a shared layout needs a folder"),
        ("layout: in-project", "layout: in-project\n  root: ~/x", 5, "no meaning"),
        ("version: 1", "version: [1", 2, "not valid YAML"),
        ("proof:", CLIENT.replace("http:", "ftp:") + "proof:", 19, "the URL of an api"),
        ("proof:", CLIENT.replace("[a", "[/a") + "proof:", 18, "a path inside the project"),
        ("proof:", CLIENT.replace("  url", "  uri") + "proof:", 19, 'did you mean "url"?'),
        ("proof:", CLIENT.partition("  files")[0] + "proof:", 17, '"http_client.files" is missing'),
    ],
)
def test_a_problem_names_its_line(old: str, new: str, line: int, words: str) -> None:
    assert old in VALID
    found = problems_of(VALID.replace(old, new))
    assert any(at == line and words in text for at, text in found), found


@pytest.mark.parametrize(
    ("installer", "lock", "more", "words"),
    [
        ("pip", "poetry.lock", "", "to pip, poetry.lock is a lock of poetry"),
        ("poetry", "requirements.txt", "", "to poetry, requirements.txt is no lock of its own"),
        ("pdm", "uv.lock", "", "to pdm, uv.lock is a lock of uv"),
        ("uv", "backend/uv.lock", "", "uv.lock must be beside toolchain.yml"),
        ("pip", "requirements.txt", 'version: "26.3"', "the exact pip is what `pip:` says"),
        ("pip", "requirements.txt", "groups: [a]", 'packages.groups needs "project: editable"'),
        ("uv", "uv.lock", "project: editable", "uv installs the project by its own rules"),
        ("uv", "uv.lock", "sources: [a.txt]", "packages.sources has a meaning only"),
        ("pip", "requirements.txt", "made_by: make lock", "packages.made_by has a meaning only"),
        ("pip", "requirements.txt", "extras: [a]", 'packages.extras needs "project: editable"'),
    ],
)
def test_a_key_without_meaning_to_the_installer_is_a_problem(
    shop: Shop, installer: str, lock: str, more: str, words: str
) -> None:
    (shop.root / lock).parent.mkdir(exist_ok=True)
    (shop.root / lock).touch()
    shop.edit("toolchain.yml", "installer: pip", f"installer: {installer}")
    shop.edit("toolchain.yml", "lock: requirements-dev.lock", f"lock: {lock}\n  {more}".rstrip())
    with pytest.raises(UsageError) as caught:
        pins.read(shop.root)
    assert any(words in line for line in caught.value.why), caught.value.why


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a list\n", "just words\n", "\0"])
def test_a_file_that_is_no_table_is_a_problem(text: str) -> None:
    assert problems_of(text)


@given(st.text(max_size=200))
def test_any_text_is_a_document_or_problems(text: str) -> None:
    assert problems_of(text)


@given(st.data())
def test_any_damage_is_reported_within_the_file(data: st.DataObject) -> None:
    lines = VALID.splitlines()
    at = data.draw(st.integers(0, len(lines) - 1))
    lines[at] = data.draw(st.text(max_size=30))
    text = "\n".join(lines)
    assert all(1 <= line <= text.count("\n") + 2 for line, _ in problems_or_none(text))


@given(
    st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,5})?", fullmatch=True),
    st.from_regex(r"2[0-9]\.[0-9]{1,2}(\.[0-9])?", fullmatch=True),
)
def test_versions_and_names_are_taken_as_written(project: str, pip: str) -> None:
    text = VALID.replace("shop", project).replace('"26.3"', pip)
    document = toolchain.checked(text)
    assert isinstance(document, dict)
    assert (document["project"], document["pip"]) == (project, pip)
