"""What status, update and drift say at a terminal, and what they say where they are piped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lifecycle.conftest import TEN, Package, commit, lasting, write
from tests.project.conftest import git
from tests.terminal import headstart_at_terminal

pytestmark = pytest.mark.xdist_group("report-terminal")

FOLDER = "a/folder/whose/name/is/so/long/that/no/terminal/of/eighty/columns/has/room/for/it"
UNDECODED = "caf\udce9.txt"
NAME = "\x1b[31mr\u00f6d.txt"
NEVER = re.compile(r"(?!)")
NEW = {f"app/module_{number}.py": f"n = {number}\n" for number in range(30)}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Package, Path]]:
    """A project with a conflict in a name that would colour, one that is deep, one no UTF-8."""
    folder = tmp_path_factory.mktemp("terminal")
    one = {NAME: TEN, f"{FOLDER}/a.txt": TEN, "b.txt": TEN, "c.txt": "c\n" * 9}
    with lasting(folder) as package:
        package.release("1.0.0", one)
        shop = package.new(folder / "shop", "1.0.0")
        write(shop / NAME, TEN.replace("5\n", "mine\n"))
        (shop / FOLDER / "a.txt").unlink()
        write(shop / "b.txt", TEN.replace("9\n", "mine\n"))
        (shop / "c.txt").rename(shop / UNDECODED)
        commit(shop)
        two = {name: TEN.replace("5\n", "theirs\n") for name in one}
        package.release("2.0.0", two | {"c.txt": "c\n" * 9 + "d\n"} | NEW)
        yield package, shop


@pytest.fixture
def package(world: tuple[Package, Path]) -> Package:
    return world[0]


@pytest.fixture
def shop(world: tuple[Package, Path]) -> Iterator[Path]:
    """The project, as it was after each test."""
    yield world[1]
    git("checkout", "--quiet", ".", cwd=world[1])
    git("clean", "--quiet", "--force", "-d", cwd=world[1])


@contextmanager
def terminal(package: Package, *arguments: str, cwd: Path, columns: int) -> Iterator[str]:
    """What is seen at a terminal of that width."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("PYTHONPATH", str(package.root))
        monkeypatch.delenv("COLUMNS", raising=False)
        opened = headstart_at_terminal(*arguments, cwd=cwd, columns=columns)
        try:
            opened.end()
            yield opened.seen
        finally:
            opened.close()


@pytest.mark.parametrize("columns", [60, 80, 160])
def test_a_preview_fits_the_terminal_and_ends_with_what_is_to_be_settled(
    package: Package, shop: Path, columns: int
) -> None:
    with terminal(package, "update", "--preview", cwd=shop, columns=columns) as seen:
        lines = seen.splitlines()
    assert max(map(len, lines)) <= min(columns, 120)
    titles = [line.split("  ")[0] for line in lines if line[:1] in "+↑=±✗" and line]
    assert titles == ["+ 30 new", "↑ 1 updated", "= 1 kept", "± 2 merged", "✗ 1 conflict"]
    assert r"    \x1b[31mröd.txt" in [line.rstrip() for line in lines]
    assert sum("app/" in line for line in lines) == 1, "a folder is named once"
    assert "".join(lines).replace(" ", "").count(FOLDER) == 1, "and wrapped, not cut"
    assert "30 new · 1 updated · 1 kept · 2 merged · 1 conflict" in seen
    assert lines[-1] == "Nothing was changed. To do it: headstart update"


def test_no_colour_means_none(
    package: Package, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.terminal._ESCAPES", NEVER)
    with terminal(package, "update", "--preview", cwd=shop, columns=80) as coloured:
        assert "\x1b[1;31m✗ 1 conflict" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    with terminal(package, "update", "--preview", cwd=shop, columns=80) as seen:
        assert "✗ 1 conflict" in seen
        assert "\x1b" not in seen


def test_piped_there_is_a_line_for_each_file(package: Package, shop: Path) -> None:
    run = package.headstart("update", "--preview", cwd=shop)
    assert "\x1b" not in run.stdout
    rows = [line.split() for line in run.stdout.splitlines() if line.startswith("  ")]
    assert [r"\x1b[31mröd.txt", "template", "changed", "you", "changed", "CONFLICT"] in [
        row[:6] for row in rows
    ]
    told = package.headstart("update", "--to", "2.0.0", "--preview", cwd=shop).stdout
    assert told.endswith("To do it: headstart update --to 2.0.0\n")


def test_a_diff_can_be_piped_into_git(package: Package, shop: Path) -> None:
    diff = package.headstart("update", "--diff", "b.txt", cwd=shop).stdout
    (shop.parent / "b.diff").write_text(diff)
    git("apply", str(shop.parent / "b.diff"), cwd=shop)
    assert "theirs\n" in (shop / "b.txt").read_text()
    with terminal(package, "update", "--diff", NAME, cwd=shop, columns=80) as seen:
        assert "+theirs" in seen


def test_drift_at_a_terminal_names_the_commit_beside_each_file(
    package: Package, shop: Path
) -> None:
    write(shop / ".headstart/drift.yml", "- {path: b.txt, reason: our own}\n")
    with terminal(package, "drift", cwd=shop, columns=100) as seen:
        lines = [line.rstrip() for line in seen.splitlines()]
    titles = [line.split("  ")[0] for line in lines if line[:1] in "✓\N{MINUS SIGN}→±" and line]
    assert titles == ["✓ 1 accepted", "\N{MINUS SIGN} 1 deleted", "→ 1 moved", "± 1 edited"]
    assert any(line.endswith("Ada: Mine") for line in lines)
    assert any(line.endswith("accepted: our own") for line in lines)


def test_a_name_that_is_no_utf_8_can_be_told(package: Package, shop: Path) -> None:
    told = package.told("update", "--preview", cwd=shop, code=1)
    assert UNDECODED in {each["path"] for each in told["files"]}
    assert r"  caf\xe9.txt" in package.headstart("update", "--preview", cwd=shop).stdout
