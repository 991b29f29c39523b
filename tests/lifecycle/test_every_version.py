"""From every released version to the template as it is here: as good as new, and reversible."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest

from bootstrap.project import questions, releases, template
from bootstrap.publisher import SOURCE
from tests import forkserver
from tests.conftest import nightly_but
from tests.project.conftest import REPOSITORY, checkout, git, headstart, tree
from tests.serving import publish_releases, published_at, serving
from tests.shared import copied

__all__ = ["checkout"]

T = TypeVar("T")
VERSIONS = [each.version for each in releases.released()]
# Until 0.7.0 every project had it, and keeps it.
KIT, NO_KIT = "safe_migrations=true", "safe_migrations=false"
FRAMEWORK_TESTS = "features=[framework_tests]"
# What a project was begun with, and what is answered when it is updated.
ANSWERS = {
    "minimal": ((), ()),
    "named": (("project_name=cart", "description=It sells."), ()),
    "shared": (("preset=custom", "venv_layout=shared", "venv_root=~/envs"), ("database=mysql",)),
    "older": (("python_version=3.11.7", "pip_version=25.0"), ("features=[cache]",)),
    "some": (("preset=custom",), ("features=[idempotency, security]",)),
    "everything": (
        ("preset=custom",),
        (
            "database=postgresql",
            "features=[operations, idempotency, telemetry, cache, security, github, postman]",
        ),
    ),
}


@pytest.fixture
def here(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The template as it is here: a commit, of which the same answers are rendered once."""
    monkeypatch.setenv("PYTHONPATH", str(checkout))
    return git("rev-parse", "HEAD", cwd=checkout)


def new(folder: Path, version: str, *data: str) -> Path:
    """A new project, of the template as it is here where no version is said; made once."""

    def make(at: Path) -> None:
        words = [word for each in data for word in ("--data", each)]
        words += ["--version", version] if version else []
        run = headstart("new", "shop", "--defaults", *words, cwd=at)
        assert run.returncode == 0, run.stderr

    return copied(("new", version, data), make, folder) / "shop"


def kept(version: str, answers: tuple[str, ...]) -> tuple[str, ...]:
    """What projects of that version keep by an update, and new ones do not have."""
    is_answered = any(each.startswith("features=") for each in answers)
    offered = template.find(version).config.read_text("utf-8")
    features = () if is_answered or "framework_tests" in offered else (FRAMEWORK_TESTS,)
    return (*features, NO_KIT if "safe_migrations" in offered else KIT)


def brought(shop: Path, *arguments: str) -> dict[str, object]:
    run = headstart(*arguments, "--json", cwd=shop)
    assert run.returncode == 0, run.stdout + run.stderr
    document: dict[str, object] = json.loads(run.stdout)
    return document


@pytest.mark.slow
@pytest.mark.parametrize("answers", ANSWERS)
@pytest.mark.parametrize("version", nightly_but(VERSIONS[0], "0.4.0", VERSIONS[-1], of=VERSIONS))
def test_an_updated_project_is_what_a_new_one_would_be(
    tmp_path: Path, here: str, version: str, answers: str
) -> None:
    first, later = ANSWERS[answers]
    shop = new(tmp_path / "old", version, *first)
    words = [word for each in later for word in ("--data", each)]
    brought(shop, "update", "--to", here, *words)
    assert tree(shop) == tree(new(tmp_path / "new", here, *first, *later, *kept(version, later)))
    assert brought(shop, "update", "--to", here)["applied"] is False
    assert git("status", "--porcelain", cwd=shop) == ""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a git server with all releases."""
    folder = tmp_path_factory.mktemp("served")
    publish_releases(folder / "headstart.git")
    with serving(folder) as address:
        yield f"{address}/headstart.git"


@pytest.mark.slow
@pytest.mark.parametrize("version", nightly_but("0.4.0", VERSIONS[-2], of=VERSIONS[:-1]))
def test_plain_copier_updates_the_same_projects(tmp_path: Path, version: str, server: str) -> None:
    """It finds the releases where they are published: here git is told that this is a server."""
    published = published_at(server, tmp_path / "cache")
    ours = new(tmp_path / "ours", version)
    plain = shutil.copytree(ours, tmp_path / "plain/shop")
    brought(ours, "update")
    # Once a release makes them a feature, only Headstart finds out that the project has them.
    words = [word for each in kept(version, ()) for word in ("--data", each)]
    command = ("-m", "copier", "update", "--defaults", "--quiet", *words)
    run = forkserver.of_headstart().run(*command, cwd=plain, env={**os.environ, **published})
    assert run.returncode == 0, run.stderr
    assert elsewhere(tree(plain)) == elsewhere(tree(ours))
    git("add", "--all", cwd=plain)
    git("commit", "--quiet", "--message", "Updated by Copier", cwd=plain)
    assert brought(plain, "update")["applied"] is False


def elsewhere(files: dict[str, T]) -> dict[str, T]:
    """Without what plain Copier does in its own way, from before 0.8.0 to that.

    It brings old paths of the core as modules that warn, and takes tests of what became optional
    for edited ones.
    """
    core = (REPOSITORY / "template/app/core").glob("*.py")
    warning = {f"app/core/{path.name}" for path in core if "Warning" in path.read_text("utf-8")}
    return {
        name: content
        for name, content in files.items()
        if name not in warning and not name.startswith(("tests/core/", "tests/migrate/"))
    }


@pytest.mark.nightly
@pytest.mark.slow
def test_every_feature_comes_goes_and_comes_back_the_same(tmp_path: Path, here: str) -> None:
    shop = new(tmp_path / "shops", here, "database=postgresql")
    (offered,) = (
        question.choices
        for question in questions.load(REPOSITORY / "copier.yml").questions
        if question.name == "features"
    )
    for feature in [str(choice.value) for choice in offered]:
        without = tree(shop)
        brought(shop, "feature", "add", feature)
        with_it = tree(shop)
        assert with_it != without
        brought(shop, "feature", "remove", feature)
        assert tree(shop) == without, feature
        brought(shop, "feature", "add", feature)
        assert tree(shop) == with_it, feature


def test_a_released_revision_never_changes() -> None:
    """A database that has it would not notice; 0.2.0 did change that of 0.1.0, and says so."""
    trees = [template.find(version).root for version in VERSIONS[1:]]
    for before, after in pairwise([*trees, REPOSITORY]):
        for path in before.glob("template/migrate/versions/*"):
            there = after / path.relative_to(before)
            assert there.read_text() == path.read_text(), f"{path.name} was released"


def test_projects_are_of_the_source_that_updates_believe_in() -> None:
    asked = questions.load(REPOSITORY / "copier.yml").questions
    (source,) = (question.default for question in asked if question.name == "template_source")
    assert source == SOURCE
