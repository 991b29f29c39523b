"""The locks agree with each other and say nothing of where packages were found."""

import re
from pathlib import Path

from tests.project.conftest import REPOSITORY

RUNTIME = REPOSITORY / "bootstrap/requirements.lock"
TESTS = REPOSITORY / "tests/requirements.lock"


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock.read_text(), flags=re.MULTILINE))


def test_the_tests_run_on_the_versions_that_users_get() -> None:
    runtime, tests = pins(RUNTIME), pins(TESTS)
    assert runtime.items() <= tests.items()
    assert {"copier", "typer", "hatchling", "editables"} <= runtime.keys()
    assert "pytest" in tests.keys() - runtime.keys()


def test_every_pin_has_hashes_and_no_address() -> None:
    for lock in (RUNTIME, TESTS):
        text = lock.read_text()
        requirements = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
        assert [r for r in requirements if "--hash=sha256:" not in r] == []
        assert not re.search(r"https?://|file:|index-url|find-links", text)
