"""Each catalogue has all messages and no others, translated with the same words to fill in."""

from __future__ import annotations

import re

import pytest

from bootstrap import language
from bootstrap.show.items import width_of
from tests import messages

in_each_language = pytest.mark.parametrize("name", language.TRANSLATED)
# What stays as it is in any language: options, commands in quotes, and what is filled in.
KEPT = re.compile(r"(?<![\w-])--[a-z-]+|`[^`]+`|\{\w*\}")
ROOM = 78
# They are alike in every language.
ALIKE = re.compile(r"headstart schema|\.venv/bin/headstart|- path: Makefile|  headstart explain /")


@in_each_language
def test_it_has_every_message_and_no_other(name: str) -> None:
    kept = messages.translations(messages.catalogue(name))
    assert set(kept) == set(messages.messages()), (
        "python -m tests.messages, and translate what is new"
    )


@in_each_language
def test_every_message_is_translated(name: str) -> None:
    told = messages.translations(messages.catalogue(name))
    assert [text for text, translated in told.items() if not translated.strip()] == []
    alike = [text for text, translated in told.items() if translated == text]
    assert [text for text in alike if not ALIKE.match(text)] == []
    assert not any(each.fuzzy for each in messages.catalogue(name) if each.id)


@in_each_language
def test_what_is_no_language_is_the_same_in_each(name: str) -> None:
    for english, told in messages.translations(messages.catalogue(name)).items():
        assert set(KEPT.findall(english)) == set(KEPT.findall(told)), english


@in_each_language
def test_names_of_choices_stay_before_their_colon(name: str) -> None:
    for each in messages.catalogue(name):
        if each.auto_comments == ["copier.yml"] and re.match(r"[a-z_-]+: ", str(each.id)):
            assert str(each.string).partition(":")[0] == str(each.id).partition(":")[0]


@in_each_language
def test_what_is_laid_out_has_as_many_lines_and_none_too_wide(name: str) -> None:
    for text, translated in messages.translations(messages.catalogue(name)).items():
        if "\n  " in text:
            english, lines = text.splitlines(), translated.splitlines()
            assert len(lines) == len(english), text
            wide = [line for line in lines if width_of(line) > ROOM and line not in english]
            assert wide == []


@in_each_language
def test_what_is_read_at_run_time_is_what_was_written(name: str) -> None:
    path = language.FOLDER / name / messages.PO
    assert path.read_bytes() == messages.written(name), "python -m tests.messages"
    compiled = path.with_suffix(".mo").read_bytes()
    assert compiled == messages.compiled(name), "python -m tests.messages"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "zh_TW.UTF-8"}, "zh_TW"),
        ({"LANG": "zh_Hant_HK"}, "zh_TW"),
        ({"LANG": "zh_CN.UTF-8"}, "en"),  # of which the signs are others
        ({"LANG": "ko_KR.eucKR"}, "ko"),
        ({"LANG": "ko_KR@hanja"}, "ko"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "ko_KR.UTF-8", "LC_MESSAGES": "en_US.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "de:zh_TW:en"}, "zh_TW"),
        ({"LANG": "ko_KR.UTF-8", "HEADSTART_LANG": "en"}, "en"),
        ({"LANG": "en_US.UTF-8", "HEADSTART_LANG": "zh-TW"}, "zh_TW"),
        ({"HEADSTART_LANG": "KO"}, "ko"),
    ],
)
def test_the_language_is_the_one_that_is_asked_for(environ: dict[str, str], expected: str) -> None:
    assert language.language_of(environ) == expected
