"""The plan is a pure fold, and what it promises is enough."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bootstrap.machine.facts import Facts, VerificationFact
from bootstrap.machine.facts.checkout import DotenvFact
from bootstrap.machine.facts.migrations import MigrationsFact
from bootstrap.machine.facts.packages import PackagesFact, PipFact
from bootstrap.machine.facts.python import PythonFact
from bootstrap.machine.facts.venv import VenvFact, VenvState
from bootstrap.machine.pins import DotenvPin, MigrationsPin, Pins
from bootstrap.machine.plan import plan
from bootstrap.machine.steps import all_steps

ROOT = Path("/home/ada/shop")
PINS = Pins(
    root=ROOT,
    project="shop",
    python="3.13.0",
    pip="26.3",
    venv=ROOT / ".venv",
    lock=ROOT / "requirements-dev.lock",
    dotenv=DotenvPin(ROOT / ".env", ROOT / ".env.example", ("SECRET_KEY",)),
    migrations=MigrationsPin(("alembic", "upgrade", "head"), ROOT / "migrate" / "versions"),
    verification=(("pytest",),),
)
READY = Facts(
    python=PythonFact(Path("/pyenv/versions/3.13.0/bin/python3.13"), "pyenv", Path("/pyenv")),
    venv=VenvFact(VenvState.READY, "3.13.0"),
    pip=PipFact("26.3"),
    packages=PackagesFact("digest", None),
    dotenv=DotenvFact(exists=True),
    migrations=MigrationsFact(("0002",), None),
    verification=VerificationFact("fingerprint", passed=True),
)
ABSENT = replace(
    READY,
    venv=VenvFact(VenvState.ABSENT),
    pip=PipFact(None),
    packages=PackagesFact("digest", "no environment"),
    dotenv=DotenvFact(exists=False),
    migrations=MigrationsFact(("0002",), "empty"),
    verification=VerificationFact("fingerprint", passed=False),
)

WHY = st.none() | st.just("because")
VENVS = st.tuples(
    st.sampled_from(VenvState),
    st.sampled_from((None, "3.13.0", "3.12.1")),
    st.sampled_from(((), (ROOT / ".venv.aside-20260101000000",))),
)
FACTS = st.builds(
    Facts,
    python=st.sampled_from(
        (READY.python, PythonFact(None, None, None), PythonFact(None, None, ROOT, "x"))
    ),
    venv=VENVS.map(lambda each: VenvFact(*each)),
    pip=st.sampled_from((None, "26.3", "23.2.1")).map(PipFact),
    packages=WHY.map(lambda why: PackagesFact("digest", why)),
    dotenv=st.booleans().map(DotenvFact),
    migrations=WHY.map(lambda why: MigrationsFact(("0002",), why)),
    verification=st.booleans().map(lambda passed: VerificationFact("fingerprint", passed)),
)
ALL_PINS = st.sampled_from((PINS, replace(PINS, dotenv=None, verification=())))


def names(facts: Facts, pins: Pins = PINS) -> list[str]:
    return [step.name for step in plan(pins, facts, all_steps(), {}).steps]


@given(ALL_PINS, FACTS)
def test_nothing_is_left_to_do_after_the_plan(pins: Pins, facts: Facts) -> None:
    first = plan(pins, facts, all_steps(), {})
    assert plan(pins, first.expected, all_steps(), {}).steps == ()


@given(ALL_PINS, FACTS)
def test_steps_keep_their_order_and_have_reasons(pins: Pins, facts: Facts) -> None:
    steps = plan(pins, facts, all_steps(), {}).steps
    order = [step.name for step in all_steps()]
    assert [step.name for step in steps] == [
        name for name in order if name in {s.name for s in steps}
    ]
    assert all(step.reason for step in steps)


def test_nothing_is_needed_where_all_is_as_pinned() -> None:
    assert names(READY) == []


def test_a_new_machine_needs_everything_but_a_second_pip() -> None:
    assert names(ABSENT) == ["venv", "packages", "dotenv", "migrations", "verification"]


def test_a_wrong_python_replaces_the_environment_and_cleans_up_last() -> None:
    facts = replace(READY, venv=VenvFact(VenvState.WRONG_PYTHON, "3.12.1"))
    assert names(facts) == ["venv", "packages", "cleanup"]


def test_a_pip_of_another_version_is_changed_in_place() -> None:
    assert names(replace(READY, pip=PipFact("23.2.1"))) == ["pip"]


def test_a_file_is_named_once_in_a_line_of_the_plan() -> None:
    def line(pins: Pins) -> str:
        step = next(s for s in plan(pins, ABSENT, all_steps(), {}).steps if s.name == "dotenv")
        return f"{step.title}: {step.reason}"

    assert line(PINS) == ".env: does not exist yet"
    elsewhere = DotenvPin(ROOT / "config" / ".env", ROOT / ".env.example", ())
    assert line(replace(PINS, dotenv=elsewhere)) == ".env: config/.env does not exist yet"


def test_a_proof_can_be_asked_for() -> None:
    steps = plan(PINS, READY, all_steps("always"), {}).steps
    assert [step.name for step in steps] == ["verification"]


def test_the_usual_time_is_known_once_every_step_has_run() -> None:
    steps = all_steps()
    assert plan(PINS, ABSENT, steps, {"venv": 1.0}).usual_seconds is None
    known = dict.fromkeys(("venv", "packages", "dotenv", "migrations", "verification"), 2.0)
    assert plan(PINS, ABSENT, steps, known).usual_seconds == 10.0
