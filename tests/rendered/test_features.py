"""What answers choose is there, complete and passing; what they do not choose leaves no trace."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml

from tests.conftest import rendered
from tests.rendered.gates import (
    PYTEST,
    TRACES_OF_ANY,
    documents_mistaken,
    names,
    run,
    settings_missing,
    settings_shown,
    traces,
    untraceable,
)
from tests.rendered.matrix import only, server_of, slices
from tests.rendered.processes import of_render

pytestmark = pytest.mark.slow

# Where a feature has tests, and which have none: what they add is run by other programs.
OWN_TESTS = (
    *("features", "migrate", "postman", "core", "rundeck", "gateway", "test_probe.py"),
    *("modules/profiles/test_webhooks.py", "modules/profiles/test_transfers.py"),
    *("modules/profiles/test_statistics.py", "modules/profiles/test_periods.py"),
)
NONE = "features=[]"
UNTESTED = {"github", "pre_commit", "pycharm", "vscode", "agents", "devcontainer"}


def test_a_render_with_everything_passes_its_own_gates(everything: Path) -> None:
    run(["make", "check"], everything)


def test_a_render_with_everything_does_its_jobs(everything: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'app.db'}"
    settings = {"DATABASE_URL": url, "METRICS": "true", "LOG_LEVEL": "WARNING"}
    command = ["env", *(f"{name}={value}" for name, value in settings.items()), "make"]
    run([*command, "migrate"], everything)
    assert "its job is done" in run([*command, "smoke"], everything)


def test_every_setting_that_the_example_shows_exists(everything: Path) -> None:
    some = {"DATABASE_URL", "METRICS", "CACHE_TIMEOUT", "AUTH_REQUIRED"}
    assert some <= set(settings_shown(everything))
    assert settings_missing(everything) == []


def test_every_document_is_named_in_the_readme_and_there(everything: Path) -> None:
    assert documents_mistaken(everything) == set()


def test_a_setting_or_a_document_that_is_left_over_is_found(tmp_path: Path) -> None:
    shop = rendered(tmp_path, *only())
    assert (settings_missing(shop), documents_mistaken(shop)) == ([], set())
    for name, more in ((".env.example", "# METRICS=true\n"), ("README.md", "docs/security.md\n")):
        with (shop / name).open("a", encoding="utf-8") as file:
            file.write(more)
    assert settings_missing(shop) == ["METRICS"]
    assert documents_mistaken(shop) == {"docs/security.md"}


def test_what_documents_show_of_the_project_exists(everything: Path) -> None:
    """Paths, make's targets and settings: each that is named is there."""
    made = (everything / "Makefile", *everything.glob("*.mk"))
    makefile = "".join(path.read_text("utf-8") for path in made)
    settings = "".join(path.read_text("utf-8") for path in everything.glob("app/**/settings.py"))
    kit = "".join(path.read_text("utf-8") for path in everything.glob("migrate/**/*.py"))
    for document in (everything / "docs").iterdir():
        text = document.read_text("utf-8")
        for path in re.findall(r"\b(?:app|docs|tests)/[\w/]+\.\w+", text):
            assert (everything / path).is_file(), f"{document.name} names {path}"
        for target in re.findall(r"`make ([\w-]+)[` ]", text):
            assert f"\n{target}:" in makefile, f"{document.name} names make {target}"
        for name in re.findall(r"`([A-Z]+_[A-Z_]+)(?:=[^`]*)?`", text):
            known = f"    {name.lower()}:" in settings or f'"{name}"' in kit
            assert known or name == "MAKE_THUMBNAIL", f"{document.name} names {name}"


@pytest.mark.parametrize("database", ["postgresql", "mysql"])
def test_servers_listen_on_this_machine_only(tmp_path: Path, database: str) -> None:
    shop = rendered(tmp_path, "preset=custom", f"database={database}")
    services = yaml.safe_load((shop / "compose.yaml").read_text("utf-8"))["services"]
    tests = {"mysql": {"test-database"}}.get(database, set())
    assert services.keys() == {"database", "redis", *tests}
    assert {name for name, service in services.items() if "profiles" in service} == tests
    ports = [port for service in services.values() for port in service["ports"]]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert all(service["healthcheck"]["retries"] for service in services.values())


@pytest.mark.xdist_group("project")
def test_the_minimal_project_has_no_trace_of_what_it_did_not_choose(project: Path) -> None:
    assert not (project / "compose.yaml").exists()
    assert [path.name for path in (project / "app/features").iterdir() if path.suffix] == [
        "__init__.py"
    ]
    assert not (project / "tests/features").exists()
    assert traces(project, *slices(), "workflow") == []


@pytest.mark.parametrize("feature", slices())
def test_every_line_that_a_feature_adds_would_be_found_where_it_was_not_chosen(
    tmp_path: Path, feature: str
) -> None:
    for folder in ("none", "one"):
        (tmp_path / folder).mkdir()
    minimal = rendered(tmp_path / "none", *only(), *server_of(feature))
    shop = rendered(tmp_path / "one", *only(feature))
    together = {each for group in TRACES_OF_ANY if feature in group for each in group} | {feature}
    assert untraceable(minimal, shop, *together) == []
    told = {line.partition(":")[0] for line in traces(shop, *together)}
    brought = {name for name in names(shop) - names(minimal) if (shop / name).read_text("utf-8")}
    assert brought <= told


# The jobs that a process knows, which are those that it claims.
KNOWN = {
    "api": """
from app.main import create_app
create_app()
""",
    "worker": """
from app import worker
worker.require_current = lambda *_: worker.asyncio.sleep(0)
worker.boot()
""",
}
TOLD = """
from app.core.jobs import JOB_KINDS
print(*sorted(JOB_KINDS))
"""
WORKER = {**os.environ, "DATABASE_URL": "sqlite:///app.db", "REDIS_URL": "redis://127.0.0.1:1/0"}


@pytest.mark.parametrize("feature", slices())
def test_a_feature_alone_brings_no_other_keeps_the_contracts_and_passes_its_tests(
    tmp_path: Path, everything: Path, feature: str
) -> None:
    shop = rendered(tmp_path, *only(feature))
    assert traces(shop, *(other for other in slices() if other != feature)) == []
    own = [shop / "tests" / name for name in OWN_TESTS]
    run([str(everything / ".venv/bin/lint-imports"), "--no-logo"], shop)
    tested = [
        str(path) for each in own for path in (each, *each.rglob("test_*.py")) if path.is_file()
    ]
    assert bool(tested) == (feature not in UNTESTED)
    if (shop / "app/features" / feature).is_dir():
        known = {
            name: of_render(everything).run("-c", program + TOLD, cwd=shop, env=WORKER)
            for name, program in KNOWN.items()
        }
        assert known["worker"].returncode == known["api"].returncode == 0, known
        assert known["worker"].stdout == known["api"].stdout
    if tested:
        done = of_render(everything).run(*PYTEST, *tested, cwd=shop, env=os.environ)
        assert re.search(r"\b\d+ passed", done.stdout), done.stdout
        assert done.returncode == 0, done.stdout
