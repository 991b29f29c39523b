"""What commands report is in the language of whoever reads it, and JSON is English in each."""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path

import pytest

from bootstrap.language import TRANSLATED
from tests import forkserver, messages
from tests.conftest import ROOT, rendered

# What a template brings is told in its own words.
NEWS = " ".join((ROOT / "CHANGELOG.md").read_text("utf-8").split())
OTHERS = re.compile(r"[\u3131-\ud7a3\u4e00-\u9fff]")
WORDS = re.compile(r"[A-Za-z]{2,}[ ,:]+[a-z]{2,}")
SCREENS = {
    "plan": 0,
    "doctor": 1,
    "status": 2,
    "drift": 0,
    "journal": 0,
    "update --to 0.9.0 --preview": 0,
    "undo": 64,
    "vendor": 4,
    "update --rollback": 4,
    "link": 0,
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of an older release, in which a file was changed."""
    made = rendered(tmp_path_factory.mktemp("told"), "preset=minimal", version="0.8.0")
    with (made / "Makefile").open("a") as file:
        file.write("# mine\n")
    return made


@cache
def told(shop: Path, language: str, *words: str) -> tuple[int, str]:
    """Run a command in a language; return its exit code and all that it said."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HEADSTART_LANG": language}
    environment["HEADSTART_STATE_DIR"] = str(shop.parent / "state")
    done = forkserver.of_headstart().run(
        "-m", "bootstrap", *words, cwd=shop, env=environment, merged=True
    )
    return done.returncode, done.stdout


def english(language: str, text: str) -> list[str]:
    """Return the messages that are there as they were written, and are not the same translated."""
    known = messages.translations(messages.catalogue(language))
    whole = {each: said for each, said in known.items() if WORDS.search(each) and "{" not in each}
    own = {each: said for each, said in whole.items() if each not in NEWS}
    return [each for each, said in own.items() if each in text and each not in said]


@pytest.mark.parametrize("language", TRANSLATED)
@pytest.mark.parametrize("screen", SCREENS)
def test_a_report_is_in_the_language(shop: Path, language: str, screen: str) -> None:
    code, text = told(shop, language, *screen.split())
    assert code == SCREENS[screen], text
    assert OTHERS.search(text)
    assert english(language, text) == []
    assert told(shop, "en", *screen.split())[1] != text


@pytest.mark.parametrize("language", TRANSLATED)
def test_what_programs_read_is_english(shop: Path, language: str) -> None:
    for screen in ("plan", "doctor", "status"):
        here, plain = (told(shop, each, screen, "--json")[1] for each in (language, "en"))
        assert json.loads(here) == json.loads(plain)
        assert not OTHERS.search(here)
