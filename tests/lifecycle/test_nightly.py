"""A release needs a nightly of its own tree; what a release writes makes no other tree of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bootstrap.errors import Refused
from tests import nightly, nightly_kept
from tests.lifecycle.conftest import Package, commit, write
from tests.project.conftest import REPOSITORY, Run, git

ALL = {"date": "2026-11-28", "passed": 40, "skipped": 0, "cases": nightly.ENOUGH, "minutes": 45}


@pytest.fixture
def package(package: Package) -> Package:
    """A checkout with a Makefile, an environment and tests; 1.0.0 is described, and not out."""
    package.template({"a.txt": "one\n", "README.md": "of the project\n"})
    write(package.root / "CHANGELOG.md", "# Changelog\n\n## 1.0.0\n\nAll of it.\n")
    write(package.root / "README.md", "of Headstart\n")
    write(package.root / ".gitignore", "cases\n__pycache__/\n.venv\n.pytest_cache/\n.build/\n")
    tested = ("tests/__init__.py", "tests/nightly.py", "tests/nightly_kept.py")
    for name in ("Makefile", "pyproject.toml", *tested):
        write(package.root / name, (REPOSITORY / name).read_text())
    (package.root / ".venv").symlink_to(sys.prefix)
    git("init", "--quiet", cwd=package.root)
    commit(package.root)
    return package


def recorded(root: Path, **figures: object) -> None:
    """As if a nightly had passed on the tree that is here."""
    record = {"tree": nightly.tree(root), **ALL, **figures}
    write(root / nightly.RECORD, json.dumps(record))


def make(package: Package, *arguments: str) -> Run:
    stamps = [word for name in ("runtime", "test") for word in ("-o", f".venv/{name}.stamp")]
    return subprocess.run(
        ["/usr/bin/env", "make", *stamps, *arguments],
        cwd=package.root,
        env={**os.environ, "PYTEST_XDIST_AUTO_NUM_WORKERS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def released(package: Package) -> bool:
    return (package.root / "bootstrap/template.bundle").exists()


def test_a_release_without_a_nightly_is_refused_and_told_what_to_do(package: Package) -> None:
    run = make(package, "release", "VERSION=1.0.0")
    assert run.returncode != 0
    assert "No nightly has passed on this tree." in run.stderr
    assert "there is no tests/nightly.json" in run.stderr
    assert "make nightly" in run.stderr
    assert not released(package)


def test_one_nightly_is_enough_to_release_a_tree_and_to_release_it_again(package: Package) -> None:
    recorded(package.root)
    commit(package.root, "The nightly's record")
    for again in ((), ("AGAIN=1",)):
        run = make(package, "release", "VERSION=1.0.0", *again)
        assert run.returncode == 0, run.stderr
        assert released(package)
        commit(package.root, "Released")
        write(package.root / "README.md", "better words\n")
        write(package.root / "CHANGELOG.md", "# Changelog\n\n## 1.0.0\n\nBetter words.\n")
    write(package.root / "template/a.txt", "two\n")
    run = make(package, "release", "VERSION=1.0.0", "AGAIN=1")
    assert run.returncode != 0
    assert "has changed since the one of 2026-11-28" in run.stderr


def test_the_nightly_of_a_commit_is_asked_for_where_that_is_released(package: Package) -> None:
    recorded(package.root)
    passed = commit(package.root)
    write(package.root / "template/a.txt", "two\n")
    other = commit(package.root)
    run = make(package, "release", "VERSION=1.0.0", f"FROM={other}")
    assert run.returncode != 0
    assert "name the one that has it, FROM=" in run.stderr
    assert "run this again" not in run.stderr
    assert not released(package)
    run = make(package, "release", "VERSION=1.0.0", f"FROM={passed}")
    assert run.returncode == 0, run.stderr
    assert released(package)


@pytest.mark.parametrize("name", ["HEAD", "short", "full"])
def test_a_commit_is_released_without_what_lies_in_the_working_tree(
    package: Package, name: str
) -> None:
    recorded(package.root)
    full = commit(package.root)
    names = {"HEAD": "HEAD", "short": git("describe", "--always", cwd=package.root), "full": full}
    write(package.root / "template/a.txt", "two\n")
    run = make(package, "release", "VERSION=1.0.0", f"FROM={names[name]}")
    assert run.returncode == 0, run.stderr
    git("clone", "--quiet", "-b", "v1.0.0", "bootstrap/template.bundle", "out", cwd=package.root)
    assert (package.root / "out/template/a.txt").read_text() == "one\n"


def test_what_is_no_commit_is_refused(package: Package) -> None:
    run = make(package, "release", "VERSION=1.0.0", "FROM=nothing")
    assert run.returncode != 0
    assert "nothing is no commit of this repository." in run.stderr
    assert not released(package)


@pytest.mark.parametrize(
    ("figures", "complaint"),
    [
        ({"skipped": 2}, "2 were skipped"),
        ({"passed": 0}, "0 tests passed"),
        ({"cases": 10}, "10 random cases of 3000"),
    ],
)
def test_half_a_nightly_is_none(
    package: Package, figures: dict[str, object], complaint: str
) -> None:
    recorded(package.root, **figures)
    with pytest.raises(Refused) as refused:
        nightly.check(package.root)
    assert complaint in refused.value.why[0]


@pytest.mark.parametrize("text", ["", '{"tree": "12', "[]", '{"tree": "1234"}', '{"passed": "x"}'])
def test_a_record_that_is_cut_off_or_foreign_is_none(package: Package, text: str) -> None:
    write(package.root / nightly.RECORD, text)
    with pytest.raises(Refused) as refused:
        nightly.check(package.root)
    assert "there is no tests/nightly.json" in refused.value.why[0]


def _executable(root: Path) -> None:
    (root / "template/a.txt").chmod(0o755)


@pytest.mark.parametrize(
    "change",
    [
        lambda root: write(root / "template/a.txt", "two\n"),
        lambda root: write(root / "template/README.md", "otherwise\n"),
        lambda root: write(root / "tests/test_new.py", "\n"),
        lambda root: (root / "tests/nightly.py").unlink(),
        lambda root: (root / "template/a.txt").rename(root / "template/b.txt"),
        lambda root: write(root / "bootstrap/__init__.py", '__version__ = "0"\nmore = 1\n'),
        _executable,
    ],
    ids=["template", "its documents", "new file", "no file", "name", "package", "mode"],
)
def test_whatever_is_tested_makes_another_tree(
    package: Package, change: Callable[[Path], None]
) -> None:
    before = nightly.tree(package.root)
    change(package.root)
    assert nightly.tree(package.root) != before


# -- running it ------------------------------------------------------------------------------------

PASSES = """\
import os, pathlib, pytest

@pytest.mark.nightly
def test_one(): pass

@pytest.mark.cases
def test_two(): pathlib.Path("cases").write_text(os.environ["HEADSTART_CASES"])

def test_three(): raise AssertionError("this one is for make test")
"""
ENDS = {
    "passes": (PASSES, ""),
    "fails": (PASSES.replace("def test_one(): pass", "def test_one(): assert 0"), "has failed"),
    "changes": (PASSES.replace('"cases"', '"tests/new.py"'), "has changed meanwhile"),
}


@pytest.mark.slow
@pytest.mark.parametrize("end", ENDS)
def test_a_nightly_that_passes_on_one_tree_is_recorded(package: Package, end: str) -> None:
    suite, complaint = ENDS[end]
    write(package.root / "tests/test_it.py", suite)
    run = make(package, "nightly", "CASES=3001")
    assert (run.returncode == 0) == (end == "passes"), run.stdout + run.stderr
    assert complaint in run.stderr
    if end == "passes":
        nightly.check(package.root)
        record = json.loads((package.root / nightly.RECORD).read_text())
        assert (record["passed"], record["skipped"], record["cases"]) == (2, 0, 3001)
        assert (package.root / "cases").read_text() == "3001"
    else:
        assert not (package.root / nightly.RECORD).exists()


@pytest.mark.slow
def test_a_part_of_it_is_not_recorded(package: Package) -> None:
    write(package.root / "tests/test_it.py", PASSES)
    run = make(package, "nightly", "ARGS=-k one")
    assert run.returncode != 0
    assert "was not all" in run.stderr
    assert not (package.root / nightly.RECORD).exists()


FEWER = """\
def pytest_collection_modifyitems(config, items):
    if hasattr(config, "workerinput"):
        del items[1:]
"""


@pytest.mark.slow
def test_tests_that_were_left_out_on_the_way_are_missed(package: Package) -> None:
    write(package.root / "tests/test_it.py", PASSES)
    write(package.root / "tests/conftest.py", FEWER)
    run = make(package, "nightly")
    assert run.returncode != 0
    assert "was not all" in run.stderr
    assert not (package.root / nightly.RECORD).exists()


@pytest.mark.slow
def test_what_the_shell_tells_pytest_makes_no_less_of_it(
    package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k one")
    monkeypatch.delenv("CI", raising=False)
    write(package.root / "tests/test_it.py", PASSES.replace("pass\n", 'assert os.environ["CI"]\n'))
    run = make(package, "nightly")
    assert run.returncode == 0, run.stdout + run.stderr
    assert json.loads((package.root / nightly.RECORD).read_text())["passed"] == 2


GOES_ON = """\
import pathlib, pytest

@pytest.mark.nightly
@pytest.mark.xdist_group("one")
def test_one():
    assert not pathlib.Path("cases").exists(), "run twice"
    pathlib.Path("cases").touch()

@pytest.mark.nightly
def test_two(request): assert pathlib.Path("__pycache__/mended").exists()
"""


@pytest.mark.slow
def test_after_a_failure_only_what_is_left_is_run_and_the_failure_is_recorded(
    package: Package,
) -> None:
    write(package.root / "tests/test_it.py", GOES_ON)
    run = make(package, "nightly")
    assert "make nightly runs what is left" in run.stderr
    write(package.root / "__pycache__/mended", "")
    commit(package.root, "What has begun is of the same tree, and goes on elsewhere")
    git("clone", "--quiet", ".", "elsewhere", cwd=package.root)
    begun = Path("elsewhere") / nightly_kept.FOLDER
    assert nightly.tree(package.root / "elsewhere") == nightly.tree(package.root)
    assert [path.name for path in (package.root / begun).iterdir()]
    shutil.rmtree(package.root / "elsewhere")
    run = make(package, "nightly")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "1 passed" in run.stdout
    record = json.loads((package.root / nightly.RECORD).read_text())
    assert (record["passed"], record["skipped"], record["failed_before"]) == (2, 0, 1)
    assert not list((package.root / nightly_kept.FOLDER).iterdir())
    run = make(package, "nightly")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "All of it has passed" in run.stdout
    write(package.root / "template/a.txt", "another tree\n")
    assert "run twice" in make(package, "nightly").stdout
