"""What the template brings for the database comes after what the project has, in every order."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.project.revisions import Texts, arranged
from bootstrap.revision import Revision, parse_revision
from tests.conftest import install, rendered
from tests.lifecycle.conftest import Files, Package, commit, write
from tests.project.conftest import git, headstart

OPTIONAL = ("0002", "0003", "0004")


def text(name: str, *parents: str) -> str:
    down = f'"{parents[0]}"' if parents else "None"
    down = repr(parents) if len(parents) > 1 else down
    revises = f"Revises: {' '.join(parents)}".rstrip()
    return f'"""{name}\n\n{revises}\n"""\n\nrevision = "{name}"\ndown_revision = {down}\n'


def chain(*names: str) -> dict[str, str]:
    """Each after the one before it, as the template renders them for a choice."""
    parents = [(), *((name,) for name in names)]
    return {f"{name}.py": text(name, *parent) for name, parent in zip(names, parents, strict=False)}


def order(texts: Texts) -> list[str]:
    """The revisions from the first to the last; there must be one line of them."""
    after = {}
    for path, content in texts.items():
        parent = content.split("down_revision = ")[1].strip().strip('"')
        assert parent not in after, "two come after the same one"
        after[parent] = path.removesuffix(".py")
    line, found = "None", []
    while line in after:
        line = after.pop(line)
        found.append(line)
    assert not after, f"{after} come after nothing that is there"
    return found


def brought(ours: Texts, base: Texts, theirs: Texts) -> dict[str, str]:
    """What a merge makes of it, where the project has edited no text."""
    found = arranged(base, theirs, ours)
    assert found is not None
    kept = {path: each for path, each in ours.items() if path in theirs or path not in base}
    assert base.keys() & ours.keys() <= found.as_ours, "a place alone is no edit"
    new = {path: each for path, each in found.texts.items() if path in found.as_ours}
    new |= {path: each for path, each in found.texts.items() if path not in {**base, **ours}}
    result = {**kept, **new}
    assert order(result)[-1] == found.head
    return result


@given(st.lists(st.sampled_from([*OPTIONAL, "own"]), max_size=12))
def test_whatever_comes_and_goes_what_stays_keeps_its_order(steps: list[str]) -> None:
    chosen: list[str] = []
    ours, base = chain("0001"), chain("0001")
    own = 0
    for step in steps:
        before = order(ours)
        if step == "own":
            own += 1
            ours |= {f"own{own}.py": text(f"own{own}", before[-1])}
            continue
        chosen = sorted({*chosen} ^ {step})
        theirs = chain("0001", *chosen)
        ours = brought(ours, base, theirs)
        base = theirs
        expected = [name for name in before if name != step or step in chosen]
        assert order(ours) == [*expected, *([step] if step in chosen else [])]


def test_a_choice_that_is_made_at_once_is_as_the_template_has_it() -> None:
    base, theirs = chain("0001"), chain("0001", *OPTIONAL)
    found = arranged(base, theirs, base)
    assert found is not None
    assert (found.texts, found.head) == (theirs, "0004")


@pytest.mark.parametrize(
    "ours",
    [
        {**chain("0001"), "two.py": text("two", "0001"), "three.py": text("three", "0001")},
        {**chain("0001"), "odd.py": "revision = make()\n"},
        {**chain("0001"), "broken.py": "def\n"},
        {**chain("0001"), "wide.py": 'revision = "w"\n'},
    ],
)
def test_where_no_place_is_plain_nothing_is_moved(ours: Texts) -> None:
    assert arranged(chain("0001"), chain("0001", "0002"), ours) is None


def test_an_id_that_the_project_has_taken_is_not_given_twice() -> None:
    """People also count theirs 0001, 0002; the template's gets another, and keeps it."""
    ours = {**chain("0001"), "mine.py": text("0002", "0001")}
    found = arranged(chain("0001"), chain("0001", "0002"), ours)
    assert found is not None
    assert found.head == "0002_1"
    second = text("0002", "0002").replace('revision = "0002"\nd', 'revision = "0002_1"\nd')
    assert found.texts["0002.py"] == second
    both = {**ours, "0002.py": second}
    again = arranged(chain("0001", "0002"), chain("0001", "0002", "0003"), both)
    assert again is not None
    assert again.texts["0002.py"] == second, "it is as it was brought"
    assert again.texts["0003.py"] == text("0003", "0002_1")


def test_parents_on_several_lines_are_replaced_and_nothing_else() -> None:
    wide = 'revision: str = "w"  # é\ndown_revision: str = (\n    "0002",  # why\n)  # ü\nx = 1\n'
    ours = {**chain("0001", "0002"), "w.py": wide}
    found = arranged(chain("0001", "0002"), chain("0001"), ours)
    assert found is not None
    assert found.texts["w.py"] == wide.replace('(\n    "0002",  # why\n)', '"0001"')


def files(*names: str, head: bool = True) -> Files:
    """A template with these revisions; that of 0.1.0 had no migrate/HEAD."""
    versions = {f"migrate/versions/{path}": each for path, each in chain(*names).items()}
    return versions | ({"migrate/HEAD": f"{names[-1]}\n"} if head else {})


# The project's own revisions: after which each comes; and which is the newest after 2.0.0.
OWN: dict[str, tuple[dict[str, list[str]], str]] = {
    "one": ({"mine": ["0001"]}, "mine"),
    "two": ({"a": ["0001"], "b": ["a"]}, "b"),
    "joined": ({"a": ["0001"], "b": ["0001"], "c": ["a", "b"]}, "c"),
    "first": ({"root": []}, "0001"),
}


@pytest.mark.parametrize("head", [True, False])
@pytest.mark.parametrize("brought", [("0001",), ("0001", "0002")])
@pytest.mark.parametrize("own", OWN)
def test_revisions_of_mine_and_those_of_the_template_become_one_line(
    package: Package, tmp_path: Path, own: str, brought: tuple[str, ...], head: bool
) -> None:
    shop, (mine, newest) = tmp_path / "shop", OWN[own]
    package.release("1.0.0", files("0001", head=head))
    package.new(shop, "1.0.0")
    for name, parents in mine.items():
        write(shop / f"migrate/versions/{name}.py", text(name, *parents))
    if own == "first":
        write(shop / "migrate/versions/0001.py", text("0001", "root"))
    if head:
        write(shop / "migrate/HEAD", f"{newest}\n")
    commit(shop)
    package.release("2.0.0", {**files(*brought), "a.txt": "a\n"})
    told = package.told("update", cwd=shop)
    assert told["counts"].get("conflict") is None
    checks = {each["name"]: each for each in told["verification"]["checks"]}
    assert checks["revisions"]["ending"] == "passed"
    expected = newest if brought[-1] == "0001" else brought[-1]
    assert (shop / "migrate/HEAD").read_text() == f"{expected}\n"
    there = {path.name: path.read_text() for path in (shop / "migrate/versions").iterdir()}
    assert parse_revision(there["0001.py"]) == Revision("0001", () if own != "first" else ("root",))
    if expected == "0002":
        assert parse_revision(there["0002.py"]) == Revision("0002", (newest,))
    assert git("status", "--porcelain", cwd=shop) == ""
    assert package.told("update", cwd=shop)["applied"] is False


@pytest.mark.slow
def test_a_feature_that_comes_later_reaches_a_database_that_is_at_the_head(tmp_path: Path) -> None:
    """The template has `idempotency` below `operations`; this database has the latter already."""
    shop = rendered(tmp_path, "features=operations")
    install(shop, shop / "requirements-dev.lock")
    environ = os.environ | {"DATABASE_URL": f"sqlite:///{tmp_path / 'shop.db'}"}

    def migrate(*arguments: str) -> None:
        command = [str(shop / ".venv/bin/python"), "-m", "migrate", *arguments]
        subprocess.run(command, cwd=shop, env=environ, check=True)

    migrate("upgrade")
    run = headstart("feature", "add", "idempotency", cwd=shop)
    assert run.returncode == 0, run.stderr
    migrate("upgrade")
    migrate("check", "--db")
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database:
        tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
    assert {"job_runners", "idempotency"} <= tables
