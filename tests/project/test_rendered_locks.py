"""Whatever is answered, `make lock` of a new project changes nothing: not a line differs."""

import itertools
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from bootstrap.project.questions import load
from tests import toolbox
from tests.project.conftest import REPOSITORY, made
from tests.rendered.matrix import features_on, server_of
from tests.template_locks import OF_INSTALLERS, TEMPLATE, asked, pinned

LOCKS = ("requirements.lock", "requirements-dev.lock")
QUESTIONS = {question.name: question for question in load(REPOSITORY / "copier.yml").questions}
# What brings packages of its own; the others change no lock.
BRINGING = [
    feature
    for feature in (str(choice.value) for choice in QUESTIONS["features"].choices)
    if any(
        feature in yaml.safe_load(str(QUESTIONS[name].default))
        for name in ("dependencies_of", "development_of")
    )
]
DATABASES = [str(choice.value) for choice in QUESTIONS["database"].choices]
ANSWERS = [
    *((f"database={name}", f"features={','.join(features_on(name))}") for name in DATABASES),
    *((f"features={feature}", *server_of(feature)) for feature in BRINGING),
    ("database=sqlite",),
]
# Poetry says of each package who needs it, so what production and developing share is tried too.
FOR_POETRY = [
    pytest.param(ANSWERS[1], marks=pytest.mark.nightly),
    pytest.param(("features=telemetry",), marks=pytest.mark.nightly),
    ("features=pre_commit",),
]
INDEX = "package_index=https://packages.example.com/simple"
# Poetry's own verdict on many projects, in one process.
CHECKED = """
import sys
from pathlib import Path
from poetry.factory import Factory
for name in sys.argv[1:]:
    locker = Factory().create_poetry(Path(name)).locker
    print(name, locker.is_locked() and locker.is_fresh())
"""


@pytest.mark.slow
@pytest.mark.parametrize("answers", ANSWERS, ids=" ".join)
def test_locking_a_new_project_changes_nothing(tmp_path: Path, answers: tuple[str, ...]) -> None:
    new(tmp_path, *answers)
    before = {name: (tmp_path / "shop" / name).read_text() for name in LOCKS}
    # The uv of these tests, so that no environment is needed for each.
    locking = ["make", "lock", f"PYTHON={sys.executable}"]
    subprocess.run(locking, cwd=tmp_path / "shop", check=True, capture_output=True)
    assert {name: (tmp_path / "shop" / name).read_text() for name in LOCKS} == before


@pytest.mark.slow
@pytest.mark.parametrize("answers", FOR_POETRY, ids=" ".join)
def test_locking_by_poetry_changes_nothing(tmp_path: Path, answers: tuple[str, ...]) -> None:
    shop = new(tmp_path, "packaging=poetry", *answers)
    before = (shop / "poetry.lock").read_text()
    locking = ["make", "lock", f"POETRY={toolbox.made('poetry') / 'bin/poetry'}"]
    subprocess.run(locking, cwd=shop, env=toolbox.told(), check=True, capture_output=True)
    assert (shop / "poetry.lock").read_text() == before


@pytest.mark.slow
def test_poetry_takes_each_lock_for_the_projects_own(tmp_path: Path) -> None:
    shops = []
    for number, answers in enumerate([*ANSWERS, (INDEX,)]):
        (tmp_path / str(number)).mkdir()
        shops.append(str(new(tmp_path / str(number), "packaging=poetry", *answers)))
    changed = Path(new(tmp_path, "packaging=poetry"), "pyproject.toml")
    changed.write_text(changed.read_text().replace("<0.29", "<0.30"))
    python = str(toolbox.made("poetry") / "bin/python")
    command = [python, "-c", CHECKED, *shops, str(changed.parent)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert said.splitlines() == [*(f"{shop} True" for shop in shops), f"{changed.parent} False"]


def test_poetry_and_pip_lock_the_same_files_for_the_same() -> None:
    """One set of pins, but for the packages of installers themselves."""
    production, development = (
        (TEMPLATE / f"requirements{each}.lock").read_text() for each in ("", "-dev")
    )
    lock = tomllib.loads((TEMPLATE / "poetry.lock").read_text())
    packages = {each["name"]: each for each in lock["package"]}
    own = {
        re.split("[<>=]", each)[0]
        for each in {*asked("development_of")} - {*asked("development_of", *OF_INSTALLERS)}
    }
    assert own == {"uv"}
    by_pip = {name: line.partition(" ;")[0] for name, line in pinned(development).items()}
    by_poetry = {name: f"{name}=={each['version']}" for name, each in packages.items()}
    assert by_poetry == {name: line for name, line in by_pip.items() if name not in own}
    assert {n for n, each in packages.items() if "main" in each["groups"]} == {*pinned(production)}
    for name, each in packages.items():
        block = re.search(rf"^{name}==.*\n(?:    .*\n)+", development, re.MULTILINE)
        assert block
        hashes = {file["hash"] for file in each["files"]}
        assert hashes == {*re.findall(r"sha256:[0-9a-f]+", block[0])}, name


def test_the_lock_of_poetry_is_of_the_poetry_that_is_pinned_and_names_no_index(
    tmp_path: Path,
) -> None:
    shop = new(tmp_path, "packaging=poetry")
    text = (shop / "poetry.lock").read_text()
    assert f"generated by Poetry {toolbox.TOOLS['poetry']} " in text
    assert f"version: {toolbox.TOOLS['poetry']}\n" in (shop / "toolchain.yml").read_text()
    assert "[package.source]" not in text
    assert "://" not in text


def new(folder: Path, *answers: str) -> Path:
    data = itertools.chain.from_iterable(("--data", answer) for answer in answers)
    made("shop", "--preset", "custom", *data, cwd=folder)
    return folder / "shop"
