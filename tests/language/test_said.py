"""A text is English to programs, and each part of it is translated where it is shown."""

from __future__ import annotations

import pytest

from bootstrap import language
from bootstrap.language import Said, joined, lines_of, shown

WORDS = {"was made": "made it", "{file} is gone": "no {file} here"}


@pytest.fixture(autouse=True)
def _spoken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "_translation", lambda: lambda text: WORDS.get(text, text))


def test_a_value_is_shown_in_its_place() -> None:
    text = Said("{file} is gone", file=Said("was made"))
    assert (text, shown(text)) == ("was made is gone", "no made it here")


def test_what_is_joined_stays_translated() -> None:
    text = joined((Said("was made"), "plain {", Said("{file} is gone", file="x")), ", ")
    assert (text, shown(text)) == ("was made, plain {, x is gone", "made it, plain {, no x here")


@pytest.mark.parametrize("last", ["plain", Said("was made")])
def test_lines_are_shown_each_for_itself(last: str) -> None:
    text = joined((Said("{file} is gone", file="x"), last), "\n")
    assert lines_of(text) == text.splitlines()
    assert [shown(each) for each in lines_of(text)] == ["no x here", shown(last)]


@pytest.mark.parametrize(
    "text", ["a\nb", Said("was made"), joined(("a\nb", "c"), "\n"), joined((), "\n"), ""]
)
def test_lines_are_those_of_the_english_text(text: str) -> None:
    assert lines_of(text) == text.splitlines()
