"""Whatever is answered, `make lock` of a new project changes nothing: not a line differs."""

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap.project.questions import load
from tests.project.conftest import REPOSITORY, made
from tests.rendered.matrix import features_on, server_of

LOCKS = ("requirements.lock", "requirements-dev.lock")
CHOICES = {
    question.name: question.choices for question in load(REPOSITORY / "copier.yml").questions
}
FEATURES = [str(choice.value) for choice in CHOICES["features"]]
DATABASES = [str(choice.value) for choice in CHOICES["database"]]
ANSWERS = [
    *((f"database={name}", f"features={','.join(features_on(name))}") for name in DATABASES),
    *((f"features={feature}", *server_of(feature)) for feature in FEATURES),
    ("database=sqlite",),
]


@pytest.mark.slow
@pytest.mark.parametrize("answers", ANSWERS, ids=" ".join)
def test_locking_a_new_project_changes_nothing(tmp_path: Path, answers: tuple[str, ...]) -> None:
    data = itertools.chain.from_iterable(("--data", answer) for answer in answers)
    made("shop", "--preset", "custom", *data, cwd=tmp_path)
    before = {name: (tmp_path / "shop" / name).read_text() for name in LOCKS}
    # The uv of these tests, so that no environment is needed for each.
    locking = ["make", "lock", f"PYTHON={sys.executable}"]
    subprocess.run(locking, cwd=tmp_path / "shop", check=True, capture_output=True)
    assert {name: (tmp_path / "shop" / name).read_text() for name in LOCKS} == before
