"""Whether a lock has what a project asks for, and what of an update is for people: decisions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.project import attention, locks
from bootstrap.project.attention import attention_to
from bootstrap.project.trees import Change
from bootstrap.project.verification import CheckEnding, judged_heads, outdated, unmet
from tests.lifecycle.test_revisions import chain, text
from tests.project.conftest import REPOSITORY
from tests.template_locks import OF_INSTALLERS, asked
from tests.template_locks import project as pyproject

LOCK = """\
# made by make lock
alpha==1.2.0 \\
    --hash=sha256:aa
beta-b==2.0 ; python_full_version < '3.13' \\
    --hash=sha256:bb \\
    --hash=sha256:cc
beta-b==3.0 ; python_full_version >= '3.13'
gamma @ git+https://example.org/gamma@v1
delta[extra]==1.0rc1
"""


def project(*dependencies: str, dev: str = "[]") -> str:
    return f"[project]\ndependencies = {list(dependencies)}\n[dependency-groups]\ndev = {dev}\n"


@pytest.mark.parametrize(
    "asked",
    [
        "alpha",
        "Alpha>=1.2,<2",
        "alpha[more]==1.2.*",
        "beta_b>=3; python_version >= '3.13'",
        "beta-b<3; python_version < '3.13'",
        "gamma @ git+https://example.org/gamma@v1",
        "delta>=1.0rc1",
    ],
)
def test_what_a_lock_has(asked: str) -> None:
    assert locks.unmet(project(asked), LOCK) == ()


@pytest.mark.parametrize(
    "asked",
    ["alpha>=1.3", "alpha!=1.2.0", "beta-b>3", "omega", "gamma @ git+https://x.org/g", "gamma>=1"],
)
def test_what_a_lock_has_not(asked: str) -> None:
    (told,) = locks.unmet(project(asked), LOCK)
    assert told.startswith(asked.partition(">")[0].partition("!")[0].partition(" ")[0])


def test_a_group_is_asked_for_with_those_that_it_includes() -> None:
    dev = "['alpha', 'omega', {include-group = 'dev'}, {include-group = 'more'}]"
    asked = project("psi", dev=dev) + "more = ['chi']\n"
    assert locks.unmet(asked, LOCK, "dev") == ("psi", "omega", "chi")
    assert locks.unmet(asked, LOCK) == ("psi",)


def test_the_template_s_own_locks_fit_its_own_project() -> None:
    for name, group in locks.GROUPS.items():
        if (lock := REPOSITORY / "template" / name).exists():
            without = OF_INSTALLERS if name == "poetry.lock" else ()
            wanted = (asked("dependencies_of"), asked("development_of", *without))
            document = pyproject(">=3.11", *wanted)
            assert locks.unmet(document, lock.read_text(), group) == ()
            assert locks.unmet(document.replace("'ruff>", "'rust>"), lock.read_text(), "dev")


TABLES = """\
version = 1

[[package]]
name = "shop"
version = "0.1.0"
source = { virtual = "." }

[[package]]
name = "Alpha_One"
version = "1.2.0"

[[package]]
name = "beta"
version = "2.0"
"""


def test_a_lock_of_tables_says_what_it_has_but_for_the_project_itself() -> None:
    assert locks.unmet(project("alpha-one>=1", "beta<3"), TABLES) == ()
    assert locks.unmet(project("alpha-one>=2", "gamma", "shop"), TABLES) == (
        *("alpha-one>=2", "gamma", "shop"),
    )
    later = TABLES.replace('"2.0"', '"2.1"').replace('"0.1.0"', '"0.2.0"')
    assert locks.changes(TABLES, later) == (("beta", "2.0", "2.1"),)
    damaged = TABLES.replace('"2.0"', '"2.0')
    assert locks.unmet(project("beta"), damaged) == ("beta",), "nothing is known of it"


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 3), min_size=1), st.data())
def test_a_lock_of_all_that_is_asked_fits_and_without_one_of_it_does_not(
    versions: dict[str, int], data: st.DataObject
) -> None:
    asked = project(*(f"{name}=={version}" for name, version in versions.items()))
    lines = [f"{name}=={version} \\\n    --hash=sha256:00" for name, version in versions.items()]
    assert locks.unmet(asked, "\n".join(lines)) == ()
    gone = data.draw(st.sampled_from(lines))
    less = "\n".join(line for line in lines if line != gone)
    assert locks.unmet(asked, less) == (gone.partition(" ")[0],)
    change = locks.changes("\n".join(lines), less)
    assert [each.name for each in change] == [gone.partition("=")[0]]


def test_changes_of_a_lock_are_told_by_package() -> None:
    after = LOCK.replace("alpha==1.2.0", "alpha==1.3").replace("beta-b==2.0", "chi==1")
    assert locks.changes(LOCK, after) == (
        ("alpha", "1.2.0", "1.3"),
        ("beta-b", "2.0, 3.0", "3.0"),
        ("chi", "", "1"),
    )


def test_an_extra_that_a_lock_cannot_tell_of_makes_one_that_stayed_outdated() -> None:
    texts = {"requirements.lock": LOCK}
    asks = project("alpha[more]")
    assert unmet(asks, texts) == ()
    assert outdated(project("alpha"), asks, texts, texts)
    assert not outdated(asks, asks, texts, texts)
    assert not outdated(project("alpha"), asks, {"requirements.lock": ""}, texts)


def test_a_lock_that_has_what_has_come_is_whole() -> None:
    texts = {"requirements.lock": LOCK}
    assert not outdated(project(), project("alpha"), texts, texts)
    assert outdated(project("alpha"), project(), texts, texts), "it may lock too much"
    more = project(dev="['omega']")
    for_developers = {"requirements-dev.lock": LOCK}
    assert outdated(project(), more, for_developers, for_developers)
    assert not outdated(project(), more, texts, texts), "it has nothing of any group"
    assert outdated(project(), project("alpha; python_version > '3.11'"), texts, texts)


# -- revisions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "stated", "ending"),
    [
        (chain("0001", "0002"), "0002", CheckEnding.PASSED),
        (chain("0001", "0002"), "", CheckEnding.PASSED),
        (chain("0001", "0002"), "0001", CheckEnding.FAILED),
        (chain("0001", "0002"), "<<<<<<< HEAD\n0002", CheckEnding.FAILED),
        (
            {**chain("0001"), "b.py": text("b", "0001"), "c.py": text("c", "0001")},
            "b",
            CheckEnding.FAILED,
        ),
        ({**chain("0001"), "odd.py": "revision = make()\n"}, "0001", CheckEnding.OPEN),
        ({**chain("0001"), "broken.py": "def\n"}, "0001", CheckEnding.OPEN),
    ],
)
def test_one_revision_is_the_newest(
    texts: dict[str, str], stated: str, ending: CheckEnding
) -> None:
    assert judged_heads(texts, stated).ending is ending


# -- what is for people ----------------------------------------------------------------------------

SETTINGS = """\
class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_file=".env")
    port: int = Field(default=8000, ge=0)
    wait: timedelta = timedelta(seconds=5)
    name: str = Field("a")
    level: str = "INFO"
    needed: str
"""
EDITED = {
    "default=8000, ge=0": "default=9000, ge=1",
    "seconds=5": "seconds=6",
    'Field("a")': 'Field("b")',
}


def test_defaults_that_change_are_told_with_both() -> None:
    after = SETTINGS
    for old, new in EDITED.items():
        after = after.replace(old, new)
    files = {"app/settings.py": (SETTINGS, after), ".env.example": ("# A=1\nB=2\n", "A=1\nB=3\n")}
    sides = [{path: texts[side] for path, texts in files.items()} for side in (0, 1)]
    found = attention_to(tuple(Change("M", path, path) for path in files), *sides)
    assert {each[:3] for each in found.defaults} == {
        ("PORT", "8000", "9000"),
        ("WAIT", "timedelta(seconds=5)", "timedelta(seconds=6)"),
        ("NAME", "'a'", "'b'"),
        ("B", "2", "3"),
    }
    assert not found.machine


@pytest.mark.parametrize(
    ("kind", "path", "command"),
    [
        ("A", ".pre-commit-config.yaml", "make up"),
        ("M", ".pre-commit-config.yaml", ""),
        ("D", ".pre-commit-config.yaml", "make up"),
        ("A", ".githooks/pre-push", "make hooks"),
        ("M", ".githooks/pre-push", ""),
        ("D", ".githooks/pre-push", "make up"),
    ],
)
def test_what_lets_git_run_other_hooks_is_told(kind: str, path: str, command: str) -> None:
    found = attention_to((Change(kind, path, path),), {}, {})
    assert found.hooks == command
    assert found.machine == (command == "make up")


def test_a_text_that_cannot_be_read_has_no_defaults() -> None:
    assert attention.settings_defaults("<<<<<<< HEAD\n") == {}
