"""What programs that write code are told is what people are told, short, and there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import rendered
from tests.rendered.matrix import only

pytestmark = pytest.mark.slow

MOST = 60  # lines: it is read before every task
COMMANDS = re.compile(r"\| command \| does \|\n(?:\|.*\n)+")
LAYOUT = re.compile(r"```text\n(?:.*\n)*?```\n")
ANSWERS = {
    "plain": (),
    "pre_commit": ("database=postgresql", "safe_migrations=false"),
    "postman": ("database=mysql", "venv_layout=shared"),
    "cache": ("packaging=poetry", "safe_migrations=true"),
}


@pytest.fixture(params=list(ANSWERS))
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    chosen = ("agents",) if request.param == "plain" else ("agents", request.param)
    return rendered(tmp_path, *only(*chosen), *ANSWERS[request.param])


def test_it_says_what_the_readme_says_in_few_lines(shop: Path) -> None:
    told, readme = ((shop / name).read_text("utf-8") for name in ("AGENTS.md", "README.md"))
    for part in (COMMANDS, LAYOUT):
        (same,) = part.findall(told)
        assert same in readme
    assert len(COMMANDS.findall(told)[0].splitlines()) == 2 + 5
    assert len(told.splitlines()) <= MOST
    paragraph = re.compile(r"Imports point one way[^\n]*\n[^\n]+\n")
    assert paragraph.findall(told) == paragraph.findall(readme)


def test_what_it_names_is_there(shop: Path) -> None:
    told = (shop / "AGENTS.md").read_text("utf-8")
    targets = "".join(path.read_text("utf-8") for path in (shop / "Makefile", *shop.glob("*.mk")))
    for target in set(re.findall(r"`make ([a-z]+)", told)):
        assert re.search(rf"(?m)^{target}:", targets), target
    for path in set(re.findall(r"\b(?:app|docs|tests|migrate)/[\w/-]*(?:\.\w+)?", told)):
        assert (shop / path).exists(), path


def test_without_it_nothing_is_added_but_what_people_read(tmp_path: Path) -> None:
    plain = rendered(tmp_path, *only())
    assert not (plain / "AGENTS.md").exists()
    assert not (plain / "parts").exists()
    assert COMMANDS.search((plain / "README.md").read_text("utf-8"))
