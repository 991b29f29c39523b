"""What is read from files, without starting anything."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Literal

import platformdirs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap import pyenv, state
from bootstrap.machine.building.preflight import BuildFact
from bootstrap.machine.facts import migrations, python, venv
from bootstrap.machine.facts.dotenv import setting, variables
from bootstrap.machine.facts.migrations import sqlite_path
from bootstrap.machine.facts.packages import PackagesFact
from bootstrap.machine.facts.platform import PlatformFact
from bootstrap.machine.facts.venv import MARKER, VenvState
from bootstrap.machine.pins import read
from bootstrap.machine.steps.checkout import fill
from bootstrap.machine.steps.python import get_pyenv
from bootstrap.revision import Revision, heads_of, parse_revision
from tests.machine.conftest import PYTHON, Shop


@pytest.fixture(autouse=True)
def own_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADSTART_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.delenv("DATABASE_URL", raising=False)


def test_the_state_folder_is_the_one_of_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADSTART_STATE_DIR")
    assert state.state_dir() == platformdirs.user_state_path("headstart")


def test_the_running_python_counts_where_there_is_no_pyenv(shop: Shop) -> None:
    found = python.look(read(shop.root), closely=False)
    assert (found.provider, found.pyenv) == ("running", None)


def test_pyenv_comes_first(shop: Shop, tmp_path: Path) -> None:
    executable = fake_python(tmp_path / "pyenv", PYTHON)
    assert python.look(read(shop.root), closely=False).executable == executable


def test_a_folder_without_an_interpreter_is_a_defect(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "pyenv" / "versions" / "3.99.0" / "bin").mkdir(parents=True)
    (shop.root / ".python-version").write_text("3.99.0\n")
    found = python.look(read(shop.root), closely=False)
    assert found.executable is None
    assert found.defect


def test_a_marked_prefix_is_a_build_that_was_interrupted(shop: Shop, tmp_path: Path) -> None:
    executable = fake_python(tmp_path / "pyenv", "3.99.0")
    pyenv.marker(executable.parents[1]).touch()
    (shop.root / ".python-version").write_text("3.99.0\n")
    found = python.look(read(shop.root), closely=False)
    assert (found.executable, found.defect) == (
        None,
        "the build of Python 3.99.0 was interrupted",
    )


def test_an_interpreter_is_asked_itself_before_anything_is_built_on_it(
    shop: Shop, tmp_path: Path
) -> None:
    fake_python(tmp_path / "pyenv", "3.99.0")
    (shop.root / ".python-version").write_text("3.99.0\n")
    assert python.look(read(shop.root), closely=False).defect is None
    assert "does not run" in str(python.look(read(shop.root), closely=True).defect)


@pytest.mark.parametrize(("system", "first"), [("macos", "brew install pyenv"), ("linux", "curl")])
def test_without_pyenv_it_is_said_how_to_get_it(
    system: Literal["macos", "linux"], first: str
) -> None:
    commands = get_pyenv(BuildFact(PlatformFact(system, "", "", ""), None))
    assert commands[0].startswith(first)


def fake_python(root: Path, version: str) -> Path:
    executable = root / "versions" / version / "bin" / f"python{version.rpartition('.')[0]}"
    executable.parent.mkdir(parents=True)
    executable.touch(mode=0o755)
    return executable


def fake_venv(shop: Shop, settings: str) -> Path:
    pins = read(shop.root)
    pins.site_packages.mkdir(parents=True)
    pins.venv_python.parent.mkdir()
    pins.venv_python.symlink_to(Path(sys.executable).resolve())
    (pins.venv / "pyvenv.cfg").write_text(settings)
    return pins.venv


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (f"version_info = {PYTHON}.final.0\n", VenvState.READY),
        (f"home = /x\nversion = {PYTHON}\n", VenvState.READY),
        ("version = 3.9.18\n", VenvState.WRONG_PYTHON),
        ("", VenvState.WRONG_PYTHON),
    ],
)
def test_an_environment_is_judged_by_its_settings(
    shop: Shop, settings: str, expected: VenvState
) -> None:
    fake_venv(shop, settings)
    assert venv.look(read(shop.root)).state is expected


def test_an_environment_without_its_interpreter_is_broken(shop: Shop) -> None:
    at = fake_venv(shop, f"version = {PYTHON}\n")
    (at / "bin" / "python").unlink()
    (at / "bin" / "python").symlink_to("/nowhere/python")
    assert venv.look(read(shop.root)).state is VenvState.BROKEN


def test_a_marked_environment_is_incomplete(shop: Shop) -> None:
    (fake_venv(shop, f"version = {PYTHON}\n") / MARKER).touch()
    assert venv.look(read(shop.root)).state is VenvState.INCOMPLETE


def test_an_empty_folder_is_no_environment_yet(shop: Shop) -> None:
    (shop.root / ".venv").mkdir()
    assert venv.look(read(shop.root)).state is VenvState.ABSENT


@pytest.mark.parametrize("make", ["file", "folder"])
def test_what_is_no_environment_is_foreign(shop: Shop, make: str) -> None:
    at = shop.root / ".venv"
    if make == "folder":
        at.mkdir()
        at = at / "notes.txt"
    at.write_text("mine")
    assert venv.look(read(shop.root)).state is VenvState.FOREIGN


def test_only_our_own_names_are_set_aside_environments(shop: Shop) -> None:
    for name in (".venv.aside-20260101000000", ".venv.aside-20260101000000-1", ".venv.aside-mine"):
        (shop.root / name).mkdir()
    assert [at.name for at in venv.set_aside(shop.root / ".venv")] == [
        ".venv.aside-20260101000000",
        ".venv.aside-20260101000000-1",
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('revision = "b"\ndown_revision = "a"\n', Revision("b", ("a",))),
        ('revision: str = "b"\ndown_revision: str | None = None\n', Revision("b", ())),
        ('revision = "d"\ndown_revision = ("b", "c")\n', Revision("d", ("b", "c"))),
        ('import boom\nrevision = "x"\n', Revision("x", ())),
        ("print('no revision')\n", None),
        ("revision = make()\n", None),
        ("def (:\n", None),
    ],
)
def test_revisions_are_read_without_importing_them(source: str, expected: Revision | None) -> None:
    assert parse_revision(source) == expected


@given(st.integers(1, 30), st.randoms())
def test_a_chain_has_one_head(length: int, random: object) -> None:
    del random
    chain = [Revision(str(n), (str(n - 1),) if n else ()) for n in range(length)]
    assert heads_of(tuple(reversed(chain))) == (str(length - 1),)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///./shop.db", "/project/shop.db"),
        ("sqlite+aiosqlite:///data/shop.db?timeout=5", "/project/data/shop.db"),
        ("sqlite:////var/shop.db", "/var/shop.db"),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("postgresql://localhost/shop", None),
        ("", None),
    ],
)
def test_the_file_of_a_sqlite_url(url: str, expected: str | None) -> None:
    assert sqlite_path(url, Path("/project")) == (Path(expected) if expected else None)


def test_a_database_behind_the_code_says_where_both_are(shop: Shop) -> None:
    packages = PackagesFact("digest", None)
    pins = read(shop.root)
    assert migrations.look(pins, packages).why == "the database is empty, the code is at 0002"
    with closing(sqlite3.connect(shop.root / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('0001')")
    assert migrations.look(pins, packages).why == "the database is at 0001, the code is at 0002"


def test_looking_does_not_create_a_database(shop: Shop) -> None:
    migrations.look(read(shop.root), PackagesFact("digest", None))
    assert not (shop.root / "shop.db").exists()


def test_the_process_environment_comes_before_the_files(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = read(shop.root)
    assert setting(pins, "DATABASE_URL") == "sqlite:///./shop.db"
    (shop.root / ".env").write_text("DATABASE_URL='sqlite:///mine.db'  \n")
    assert setting(pins, "DATABASE_URL") == "sqlite:///mine.db"
    (shop.root / ".env").write_text("DATABASE_URL=\n")
    assert setting(pins, "DATABASE_URL") == ""  # not the example's: the code has a default
    monkeypatch.setenv("DATABASE_URL", "sqlite:///theirs.db")
    assert setting(pins, "DATABASE_URL") == "sqlite:///theirs.db"


def test_dotenv_files_are_read_as_people_write_them(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# A=0\nexport A=1\nB = 'two words'\nC=x # why\nD=\n")
    assert variables(tmp_path / ".env") == {"A": "1", "B": "two words", "C": "x", "D": ""}


def test_secrets_are_filled_in_and_all_else_is_kept() -> None:
    example = "# Ours\nSECRET_KEY=change-me\nNAME=shop\n"
    filled = fill(example, ("SECRET_KEY", "TOKEN"), lambda: r"\1drawn")
    assert filled == "# Ours\nSECRET_KEY=\\1drawn\nNAME=shop\nTOKEN=\\1drawn\n"


def test_a_variable_of_a_dotenv_file_is_replaced_where_another_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As python-dotenv does it: the file goes before the environment, and is read downwards."""
    monkeypatch.setenv("PORT", "1")
    monkeypatch.setenv("OUTSIDE", "2")
    monkeypatch.delenv("NOWHERE", raising=False)
    lines = (
        "A=${PORT}",
        "PORT=3",
        "B=:${PORT}/",
        "C='${OUTSIDE}'",
        "D=${NOWHERE:-4}",
        "E=${NOWHERE}",
    )
    (tmp_path / ".env").write_text("\n".join((*lines, "F=$PORT", "G=${D}${B}")))
    found = variables(tmp_path / ".env")
    assert found == {
        "A": "1",
        "PORT": "3",
        "B": ":3/",
        "C": "2",
        "D": "4",
        "E": "",
        "F": "$PORT",
        "G": "4:3/",
    }


@pytest.mark.slow
@pytest.mark.parametrize("closely", [False, True])
def test_the_python_under_a_venv_is_found_without_the_root_that_a_shell_exports(
    ready: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closely: bool
) -> None:
    """As an IDE and cron start it, and when another Python runs Headstart."""
    pins = read(ready.root)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "none"))
    monkeypatch.setattr(python, "_running", lambda _: None)
    found = python.look(pins, closely=closely)
    assert (found.provider, found.executable) == ("venv", pins.venv_python.resolve())
    (ready.root / ".venv/pyvenv.cfg").unlink()
    assert python.look(pins, closely=closely).executable is None
