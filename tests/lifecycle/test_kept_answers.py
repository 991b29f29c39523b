"""The migration kit becomes a choice: who had it keeps it, and can give it up and take it again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bootstrap.project import kept_answers, releases
from bootstrap.project.answers import SourcedValue
from bootstrap.project.questions import parse
from tests import forkserver
from tests.lifecycle.conftest import commit, write
from tests.lifecycle.test_every_version import brought, here, kept, new
from tests.lifecycle.test_verification import checks
from tests.project.conftest import checkout, git, tree
from tests.serving import publish_releases, published_at, serving

__all__ = ["checkout", "here"]

WITH_THE_KIT_UNASKED = [each.version for each in releases.released() if each.number < (0, 8)]
LINE, EDIT = "from __future__ import annotations", "  # my edit\n"
MINE = '''"""What I test of my own migrations."""

from migrate.engine import make_engine
from migrate.runtime import MigrationUnsafe

assert make_engine and MigrationUnsafe
'''
MINE_NOW = MINE.replace("migrate.runtime", "migrate.errors")
ASKED = parse(
    {
        "safe_migrations": {"type": "bool", "help": "?", "default": False},
        "name": {"type": "str", "help": "?", "default": ""},
    }
)


@pytest.mark.parametrize(
    ("files", "answer"),
    [
        ({"migrate/runtime.py"}, True),
        ({"migrate/kit/runner.py"}, True),
        ({"migrate/guards.py"}, False),
    ],
)
def test_the_former_render_answers(files: set[str], answer: bool) -> None:
    stated = kept_answers.with_kept({}, ASKED, ASKED, files, ())
    assert stated["safe_migrations"].value is answer


def test_what_somebody_has_answered_stays_and_what_is_not_asked_is_not_answered() -> None:
    stated = {"safe_migrations": SourcedValue(value=False, source="--data")}
    assert kept_answers.with_kept(stated, ASKED, ASKED, {"migrate/runtime.py"}, ()) == stated
    assert kept_answers.with_kept({}, parse({}), parse({}), {"migrate/runtime.py"}, ()) == {}


@pytest.mark.parametrize(
    ("name", "begun", "new"), [("packaging", "pip", "poetry"), ("workflow", "none", "git-flow")]
)
def test_what_was_begun_before_there_was_a_choice_stays_as_it_was(
    name: str, begun: str, new: str
) -> None:
    """Whatever its preset would choose for a new project."""
    now = parse({name: {"type": "str", "help": "?", "default": new}})
    mine = {name: SourcedValue(value=new, source="--data")}
    assert kept_answers.with_kept({}, parse({}), now, (), ())[name].value == begun
    assert kept_answers.with_kept(mine, parse({}), now, (), ()) == mine
    assert kept_answers.with_kept({}, now, now, (), ()) == {}


@pytest.mark.slow
def test_a_project_changes_who_installs_it_and_changes_back(tmp_path: Path, here: str) -> None:
    version = releases.released()[-1].version
    shop, keeps = new(tmp_path / "old", version), kept(version, ())
    brought(shop, "update", "--to", here, "--data", "packaging=poetry")
    assert tree(shop) == tree(new(tmp_path / "poetry", here, "packaging=poetry", *keeps))
    assert not (shop / "requirements.lock").exists()
    brought(shop, "update", "--to", here, "--data", "packaging=pip")
    assert tree(shop) == tree(new(tmp_path / "pip", here, *keeps))


@pytest.mark.slow
def test_who_installs_it_changes_and_no_lock_of_the_former_one_is_asked_for(
    tmp_path: Path, here: str
) -> None:
    shop = new(tmp_path / "old", releases.released()[-1].version)
    asked = (shop / "pyproject.toml").read_text()
    mine = asked.replace("dependencies = [\n", 'dependencies = [\n    "mine>=1",\n', 1)
    write(shop / "pyproject.toml", mine)
    commit(shop)
    found = {}
    for installer in ("poetry", "uv", "pip"):
        told = brought(shop, "update", "--to", here, "--data", f"packaging={installer}")
        lock = checks(told)["lock"]
        found[installer] = (lock["details"], lock["next"])
    assert found == {
        "poetry": (["poetry.lock has no mine>=1"], "make lock"),
        "uv": ([], "make lock, then commit it"),
        "pip": (
            ["requirements.lock has no mine>=1", "requirements-dev.lock has no mine>=1"],
            "make lock",
        ),
    }


@pytest.mark.slow
@pytest.mark.parametrize("version", WITH_THE_KIT_UNASKED)
def test_a_project_keeps_the_kit_and_its_own_work_in_it(
    tmp_path: Path, here: str, version: str
) -> None:
    shop = new(tmp_path / "old", version)
    env = (shop / "migrate/env.py").read_text()
    write(shop / "migrate/env.py", env.replace(LINE, LINE + EDIT))
    had = version != WITH_THE_KIT_UNASKED[0]  # 0.1.0 had the error where everything was
    mine = MINE_NOW if had else MINE
    write(shop / "tests/test_mine.py", mine)
    if had:
        pause = (shop / "migrate/pause.py").read_text()
        write(shop / "migrate/pause.py", pause + EDIT)
    commit(shop)
    told = brought(shop, "update", "--to", here)
    assert told["broken_imports"] == []
    now = (shop / "migrate/env.py").read_text()
    assert LINE + EDIT in now
    assert "from migrate.kit.runner import offline, online\n" in now
    assert (shop / "tests/test_mine.py").read_text() == MINE_NOW
    assert "safe_migrations: true\n" in (shop / ".copier-answers.yml").read_text()
    assert (shop / "migrate/kit/pause.py").read_text().endswith(EDIT) == had
    assert not (shop / "migrate/pause.py").exists()


@pytest.mark.slow
def test_the_kit_goes_and_comes_back_as_a_feature(tmp_path: Path, here: str) -> None:
    shop = new(tmp_path, here, "safe_migrations=true")
    with_it = tree(shop)
    brought(shop, "feature", "remove", "safe_migrations")
    assert not (shop / "migrate/kit").exists()
    without = new(tmp_path / "without", here)
    assert tree(shop) == tree(without)
    brought(shop, "feature", "add", "safe_migrations")
    assert tree(shop) == with_it
    assert brought(shop, "feature", "add", "safe_migrations")["applied"] is False
    assert brought(shop, "update", "--to", here)["applied"] is False


@pytest.mark.slow
def test_an_update_leaves_the_kit_behind_where_that_is_said(tmp_path: Path, here: str) -> None:
    shop = new(tmp_path / "old", WITH_THE_KIT_UNASKED[-1])
    brought(shop, "update", "--to", here, "--data", "safe_migrations=false")
    assert tree(shop) == tree(new(tmp_path / "new", here, "features=[framework_tests]"))


@pytest.mark.slow
@pytest.mark.parametrize("command", ["update", "recopy"])
@pytest.mark.parametrize("version", [WITH_THE_KIT_UNASKED[0], "0.4.0"])
def test_plain_copier_keeps_the_kit_too(
    tmp_path: Path, here: str, version: str, command: str, checkout: Path
) -> None:
    shop = new(tmp_path / "old", version)
    repository = tmp_path / "served/headstart.git"
    repository.parent.mkdir()
    publish_releases(repository)
    git("fetch", "--quiet", str(checkout), f"{here}:refs/tags/v99.0.0", cwd=repository)
    git("update-server-info", cwd=repository)
    with serving(repository.parent) as address:
        published = published_at(f"{address}/headstart.git", tmp_path / "cache")
        overwrite = ("--overwrite",) if command == "recopy" else ()
        words = ("-m", "copier", command, "--defaults", "--quiet", *overwrite)
        done = forkserver.of_headstart().run(*words, cwd=shop, env={**os.environ, **published})
    assert done.returncode == 0, done.stderr
    assert "safe_migrations: true\n" in (shop / ".copier-answers.yml").read_text()
    assert (shop / "migrate/kit/journal.py").is_file()
    left = (shop / "migrate/runtime.py").exists()
    assert left == (command == "recopy"), "recopy deletes nothing"
