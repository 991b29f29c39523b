"""Decisions of an update that need no git: what is valid, and whose dependencies they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.errors import UsageError
from bootstrap.project import changelog, drift, locks, syntax
from bootstrap.project.baseline import Baseline, failures_in, new_failures

PYPROJECT = '[project]\nname = "shop"\ndependencies = ["a>=1", "b>=1"]\n[tool.ruff]\nx = 1\n'


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("a.toml", "a = 1\n", ""),
        ("a.toml", "a = 1\na = 2\n", "overwrite"),
        ("a.yml", "a: 1\n---\nb: 2\n", ""),
        ("a.yml", "x: &x {a: 1}\ny: {<<: *x, a: 2}\n", ""),
        ("a.yaml", "a: 1\nb: 2\na: 3\n", "twice"),
        ("a.yaml", "a: [\n", "flow"),
        ("a.json", '{"a": 1}', ""),
        ("a.json", '{"a": {"b": 1, "b": 2}}', "twice"),
        ("a.py", "def f() -> int:\n    return 1\n", ""),
        ("a.py", "def f(:\n", "syntax"),
        ("a.txt", "{[", ""),
        ("Makefile", "{[", ""),
    ],
)
def test_a_text_is_valid_for_its_name(name: str, text: str, complaint: str) -> None:
    found = syntax.complaint(name, text.encode())
    assert complaint in found
    assert bool(found) == bool(complaint)


@pytest.mark.parametrize(
    ("old", "new", "edited"),
    [
        ("x = 1", "x = 2", False),
        ('"a>=1", "b>=1"', '"b>=1", "a>=1"', False),
        ('name = "shop"', 'name = "cart"', False),
        ('"b>=1"', '"b>=2"', True),
        ("[tool.ruff]", '[dependency-groups]\ndev = ["c"]\n[tool.ruff]', True),
        ("[tool.ruff]", "[tool.ruff", True),
    ],
)
def test_dependencies_are_edited_where_others_would_be_locked(
    old: str, new: str, edited: bool
) -> None:
    project = PYPROJECT.replace(old, new)
    assert locks.dependencies_edited(PYPROJECT, project) is edited


def test_a_changelog_is_read_by_version() -> None:
    text = (
        "# Changelog\n\n## Unreleased\n\nSoon.\n\n## 0.2.0\n\nTwo\nlines.\n\n- more\n\n## 0.1.0\n"
    )
    soon, two, one = changelog.parse_changelog(text)
    assert (soon.version, soon.text) == ("Unreleased", "Soon.")
    assert (two.version, two.headline) == ("0.2.0", "Two lines.")
    assert (one.version, one.text) == ("0.1.0", "")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("v0.1.0", "v0.3.0", ("0.2.0", "0.3.0")),
        ("v0.3.0", "v0.3.0", ()),
        ("1fce894", "1fce894", ()),  # a checkout's own, which has no number
        ("1fce894", "98e23c9", ()),
        ("v0.3.0", "98e23c9", ("0.4.0",)),
    ],
)
def test_what_lies_between_two_versions_is_told(
    tmp_path: Path, before: str, after: str, told: tuple[str, ...]
) -> None:
    sections = "".join(f"## 0.{number}.0\n\nText.\n\n" for number in (4, 3, 2, 1))
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{sections}")
    found = changelog.sections_between(before, after, tmp_path)
    assert tuple(section.version for section in found) == told


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("path: a.txt\n", "it must be a list"),
        ("- [\n", "while parsing"),
        ("- a.txt\n", "entry 1 does not say path and reason"),
        ("- {path: a.txt, reason: ours}\n- {path: b.txt}\n", "entry 2 does not say"),
        ("- {path: a.txt, reason: ours, unless: x}\n", "entry 1 has unknown keys: unless"),
        ("- {path: a.txt, reason: ours, until: soon}\n", "entry 1: until is not a date"),
    ],
)
def test_accepted_drift_is_written_as_it_is_read(
    tmp_path: Path, content: str, complaint: str
) -> None:
    (tmp_path / ".headstart").mkdir()
    (tmp_path / drift.EXCEPTIONS).write_text(content)
    with pytest.raises(UsageError) as refused:
        drift.exemptions(tmp_path)
    assert complaint in refused.value.why[0]
    assert refused.value.next[0].startswith("write: - {path: ")


@pytest.mark.parametrize(
    ("output", "failures"),
    [
        ("FAILED a.py::t[x y] - assert 1 - 2\nFAILED a.py::t\nx\n", ("a.py::t[x y]", "a.py::t")),
        ("\x1b[31mERROR\x1b[0m a.py - Boom\n", ("a.py",)),
        ("x 1\nmake[1]: *** [Makefile:50: style] Error 1\n", ("x",)),
        ("make: *** [Makefile:50: style] Error 1\n", ("make: *** [Makefile:: style] Error",)),
        ("/p/a.py:12:3: F401\n\n  12 | x\nFound 1 error\n", ("/a.py::: F", "| x", "Found error")),
    ],
)
def test_failures_are_what_is_the_same_in_two_runs(output: str, failures: tuple[str, ...]) -> None:
    assert failures_in(output, Path("/p")) == failures


def test_a_complaint_that_is_there_more_often_is_new() -> None:
    assert new_failures(("a", "a", "b"), Baseline(1, ("a", "c"))) == ("a", "b")
