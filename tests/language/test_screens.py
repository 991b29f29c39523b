"""What people see in each language: in it, and never wider than their terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap import language
from bootstrap.show.items import width_of
from tests import messages
from tests.conftest import ROOT
from tests.terminal import headstart_at_terminal

pytestmark = pytest.mark.slow

SIGNS = {"ko": re.compile(r"[\uac00-\ud7af]"), "zh_TW": re.compile(r"[\u4e00-\u9fff]")}
HEADS = {"ko": "사용법:", "zh_TW": "用法："}  # noqa: RUF001 - meant


def shown(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bootstrap", *words],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "80", "PYTHONIOENCODING": "utf-8"} | settings,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize("name", language.TRANSLATED)
def test_every_help_is_in_the_language_and_as_wide_as_the_terminal(name: str) -> None:
    for words, _command in messages.commands():
        english = shown(*words, "--help", HEADSTART_LANG="en").stdout.splitlines()
        told = shown(*words, "--help", HEADSTART_LANG=name).stdout
        assert told.startswith(HEADS[name]), words
        wide = [line for line in told.splitlines() if width_of(line) > 80]
        assert [line for line in wide if line not in english] == []
        # Of each paragraph and of each option something is.
        described = re.findall(r"(?m)^  -[^\n]*?  +\S[^\n]*$", told)
        assert described
        assert all(SIGNS[name].search(line) for line in described), described


@pytest.mark.parametrize("locale", ["ko_KR.UTF-8", "zh_TW.UTF-8"])
def test_the_locale_alone_is_enough(locale: str) -> None:
    told = shown("--help", LC_ALL=locale, LANGUAGE="", HEADSTART_LANG="").stdout
    assert told.startswith(HEADS["ko" if locale.startswith("ko") else "zh_TW"])


def test_a_language_that_there_is_not_is_refused_in_english() -> None:
    run = shown("presets", HEADSTART_LANG="tlh")
    assert run.returncode == 64
    assert "HEADSTART_LANG is tlh, which is no language of Headstart." in run.stderr
    assert "en, ko, zh_TW" in run.stderr


def test_programs_are_told_the_same_in_every_language() -> None:
    told = {shown("presets", "--json", HEADSTART_LANG=name).stdout for name in ("en", "ko")}
    assert len(told) == 1


REFUSALS = {
    "ko": ("--data는 이름=값", "다음: 예: --data project_name=shop"),
    "zh_TW": ("--data 的格式是", "接著：例如：--data project_name=shop"),  # noqa: RUF001 - meant
}


@pytest.mark.parametrize("name", language.TRANSLATED)
def test_an_error_is_told_in_the_language_and_to_programs_in_english(name: str) -> None:
    words = ("new", "shop", "--data", "project_name")
    told = shown(*words, HEADSTART_LANG=name)
    assert told.returncode == 64
    assert all(text in told.stderr for text in REFUSALS[name]), told.stderr
    assert max(map(width_of, told.stderr.splitlines())) <= 80
    english, same = (shown(*words, "--json", HEADSTART_LANG=each) for each in ("en", name))
    assert "--data takes name=value." in english.stdout + english.stderr
    assert (same.stdout, same.stderr) == (english.stdout, english.stderr)


QUESTIONS = {
    "ko": ("프로젝트를 어떤 프리셋에서 시작합니까?", "minimal: SQLite 위의 api"),
    "zh_TW": ("專案要從哪個預設組合開始？", "minimal: 在 SQLite 上"),  # noqa: RUF001 - meant
}


@pytest.mark.parametrize("name", language.TRANSLATED)
def test_questions_are_asked_in_the_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("HEADSTART_LANG", name)
    terminal = headstart_at_terminal("new", "shop", cwd=tmp_path, columns=80)
    try:
        for text in QUESTIONS[name]:
            terminal.expect(text)
        terminal.type("\x03")
        assert terminal.end() == 130
    finally:
        terminal.close()
    assert not (tmp_path / "shop").exists()
