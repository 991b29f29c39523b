"""The framework's own tests became a feature: projects that have them keep them, others do not."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bootstrap.project import releases
from tests.lifecycle.conftest import commit
from tests.lifecycle.test_every_version import brought, here, new
from tests.project.conftest import checkout, git

__all__ = ["checkout", "here"]

pytestmark = pytest.mark.slow
# The last release in which they were no choice.
WITHOUT_A_CHOICE = next(each.version for each in releases.released() if each.version == "0.7.0")


def features(shop: Path) -> list[str]:
    answers = yaml.safe_load((shop / ".copier-answers.yml").read_text("utf-8"))
    chosen: list[str] = answers["features"]
    return chosen


def test_a_project_keeps_them_with_its_own_edits_and_can_give_them_up(
    tmp_path: Path, here: str
) -> None:
    shop = new(tmp_path, WITHOUT_A_CHOICE, "features=[cache]")
    edited = shop / "tests/core/test_docs.py"
    edited.write_text(
        edited.read_text("utf-8") + "\n\ndef test_mine() -> None:\n    assert edited\n"
    )
    commit(shop)
    brought(shop, "update", "--to", here)
    assert features(shop) == ["cache", "framework_tests"]
    assert "def test_mine" in edited.read_text("utf-8")
    git("reset", "--quiet", "--hard", "HEAD~1", cwd=shop)
    git("checkout", "--quiet", "HEAD~1", "--", "tests/core/test_docs.py", cwd=shop)
    commit(shop)
    brought(shop, "update", "--to", here)
    brought(shop, "feature", "remove", "framework_tests")
    assert features(shop) == ["cache"]
    assert not (shop / "tests/core").exists()


def test_a_project_that_has_deleted_them_does_not_get_them(tmp_path: Path, here: str) -> None:
    shop = new(tmp_path, WITHOUT_A_CHOICE)
    git("rm", "-r", "--quiet", "tests/core", cwd=shop)
    commit(shop)
    brought(shop, "update", "--to", here)
    assert features(shop) == []
    assert not (shop / "tests/core").exists()


def test_an_answer_that_is_given_counts(tmp_path: Path, here: str) -> None:
    shop = new(tmp_path, WITHOUT_A_CHOICE)
    brought(shop, "update", "--to", here, "--data", "features=[cache]")
    assert features(shop) == ["cache"]
    assert not (shop / "tests/core").exists()
