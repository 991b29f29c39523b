"""`docs/first-module.md` is followed in a new project: every file is written, every command run."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from tests.conftest import install, rendered
from tests.documents.test_render import reader
from tests.installed import pythons
from tests.rendered.gates import run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("documents")]

DOCUMENT = "docs/first-module.md"
MODULE, TESTS, REGISTRY = "app/modules/notes", "tests/modules/notes", "app/modules/__init__.py"
# What a block of Python follows: a heading that names its file.
_STEP = re.compile(r"^## \d\. [^\n]*?`(\w+\.py)`.*?^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LISTED = re.compile(r"^MODULES = .*$", re.MULTILINE)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    shop = rendered(tmp_path, "features=[]")
    install(shop, shop / "requirements-dev.lock", pythons.of("3.13"))
    (tmp_path / ".gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.org\n")
    run(["make", "migrate"], shop)  # as `make up` does
    return shop


def test_a_module_is_made_by_hand_and_the_next_one_by_a_command(shop: Path) -> None:
    text = (shop / DOCUMENT).read_text("utf-8")
    newcomer = reader(shop, DOCUMENT)
    newcomer.follow(shop)
    steps = dict(_STEP.findall(text))
    assert list(steps) == ["models.py", "schemas.py", "service.py", "endpoints.py", "test_notes.py"]
    for name, code in steps.items():
        folder = TESTS if name.startswith("test_") else MODULE
        (shop / folder / name).write_text(code, "utf-8")
    (listed,) = _LISTED.findall(text)
    registry = (shop / REGISTRY).read_text("utf-8")
    (shop / REGISTRY).write_text(_LISTED.sub(listed, registry, count=1), "utf-8")

    said = newcomer.follow(shop)
    assert "upgraded to" in said
    assert "E501" not in said  # it is formatted only after that was looked at
    said = newcomer.follow(shop)
    assert re.search(r"\d+ passed", said)
    assert "notes/test_notes.py" in said

    said = newcomer.follow(shop)
    assert "Nothing was written." in said
    assert "Added comments" in said
    assert newcomer.has_read_all()
    with sqlite3.connect(shop / "var/app.db") as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    assert {"notes", "comments"} <= tables


def test_what_it_shows_of_depends_is_what_the_code_does(tmp_path: Path) -> None:
    shop = rendered(tmp_path, "features=[]")
    text = (shop / DOCUMENT).read_text("utf-8")
    (shown,) = re.findall(r"^async def write.*?(?=^```)", text, re.MULTILINE | re.DOTALL)
    assert shown in (shop / "app/core/transactions.py").read_text("utf-8")
