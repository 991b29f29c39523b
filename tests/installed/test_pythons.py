"""The fast tests of the CLI pass on the oldest Python and on the newest, from the wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.installed.conftest import with_wheel

pytestmark = [pytest.mark.slow, pytest.mark.nightly]

SUITES = ("tests/machine", "tests/project")
# What they are about is not the command: a checkout, with its template, its locks, its script.
# A wheel has the templates that were released, so that what is asked since then is among it.
ELSEWHERE = (
    "tests/machine/test_install_script.py",
    "tests/project/test_locks.py",
    "tests/project/test_publish.py",
    "tests/project/test_rendered_locks.py",
    "tests/project/test_template.py",
    "tests/project/test_template_lint.py",
    "tests/project/test_shared_answers.py",
    "tests/project/test_renderer.py::test_the_template_here_needs_no_copier",
    "tests/project/test_answers.py::test_copier_answers_the_templates_questions_alike",
    "tests/machine/test_diagnosis.py::test_the_cause_of_a_real_failure_is_named",
    "tests/project/test_resource_command.py",
    "tests/project/test_resource_decisions.py::test_tables_of_features_no_resource_may_have",
    "tests/project/test_new.py::test_a_feature_that_does_not_exist_is_refused_with_those_that_do",
    "tests/project/test_new.py::test_custom_begins_with_the_answers_of_any_preset",
    "tests/project/test_new.py::test_what_is_no_question_is_answered_with_the_questions_alone",
    "tests/project/test_new.py::test_who_names_a_preset_is_asked_nothing",
    "tests/project/test_new.py::test_a_folder_that_make_cannot_use_is_refused",
    "tests/project/test_new.py::test_features_are_recorded_as_a_list_and_bring_their_files",
    "tests/project/test_new.py::test_revisions_are_one_chain_whichever_features_are_there",
    # From a wheel git unpacks the template; a checkout has it lying there.
    "tests/project/test_new.py::test_without_git_the_project_is_made_all_the_same",
)


# Each run has these tests on the checkout's own Python, and the wheel on both in `test_offline`.
@pytest.mark.parametrize("python", ["oldest", "newest"], indirect=True)
def test_the_fast_tests_pass(python: Path, wheel: Path, tmp_path: Path) -> None:
    """Only the tests are copied, so that `bootstrap` can come from nowhere but the wheel."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "tests", tmp_path / "tests", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    own = with_wheel(tmp_path, wheel, python, ROOT / "tests" / "requirements.lock")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "PYTHON"))}
    suite = [str(own), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", *SUITES]
    without = [f"--deselect={each}" if "::" in each else f"--ignore={each}" for each in ELSEWHERE]
    done = subprocess.run(
        [*suite, *without], cwd=tmp_path, env=inherited, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
