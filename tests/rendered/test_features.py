"""What answers choose is there, complete and passing; what they do not choose leaves no trace."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml

from tests.conftest import install, rendered
from tests.rendered.conftest import FEATURES, IDES
from tests.rendered.test_gates import files, run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("project")]

# What tools call their caches is the same for all, and locks have tests of their own.
NOT_SEARCHED = {".copier-answers.yml", ".gitignore", "requirements.lock", "requirements-dev.lock"}
# What would betray a feature where it was not chosen: in a file's name or its text.
TRACES = {
    "operations": r"(features|docs).operations|\bcron|worker_health|job_runners|app jobs",
    "idempotency": r"idempoten",
    "telemetry": r"telemetry|prometheus|otel",
    "cache": r"(features|docs).cache|cache_(entries|timeout|pause)",
    "github": r"\.github/|workflows|github actions",
    "postman": r"postman|newman|http_client",
    "pycharm": r"pycharm|\.run/|\.idea",
    "vscode": r"vscode|vs code",
    "security": r"joserfc|jwks|auth_required|rate_limit|\bhs_|profiles:read",
}


def test_a_render_with_everything_passes_its_own_gates(everything: Path) -> None:
    run(["make", "check"], everything)


def test_a_render_with_everything_passes_its_own_tests(everything: Path) -> None:
    """On SQLite, or on the server that TEST_DATABASE_URL names."""
    assert re.search(r"\b\d+ passed", run(["make", "test"], everything))


def test_a_render_with_everything_does_its_jobs(everything: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'app.db'}"
    settings = {"DATABASE_URL": url, "METRICS": "true", "LOG_LEVEL": "WARNING"}
    command = ["env", *(f"{name}={value}" for name, value in settings.items()), "make"]
    run([*command, "migrate"], everything)
    assert "worker made its thumbnail" in run([*command, "smoke"], everything)


def test_every_setting_that_the_example_shows_exists(everything: Path) -> None:
    sources = "".join(path.read_text("utf-8") for path in everything.glob("app/**/settings.py"))
    example = (everything / ".env.example").read_text("utf-8")
    names = re.findall(r"^(?:# )?([A-Z_]+)=", example, flags=re.MULTILINE)
    assert {"DATABASE_URL", "METRICS", "CACHE_TIMEOUT", "AUTH_REQUIRED"} <= set(names)
    assert [name for name in names if f"    {name.lower()}:" not in sources] == []


def test_every_document_is_named_in_the_readme_and_there(everything: Path) -> None:
    named = set(re.findall(r"docs/\w+\.md", (everything / "README.md").read_text("utf-8")))
    there = {f"docs/{path.name}" for path in (everything / "docs").iterdir()}
    assert named == there


def test_what_documents_show_of_the_project_exists(everything: Path) -> None:
    """Paths, make's targets and settings: each that is named is there."""
    makefile = (everything / "Makefile").read_text("utf-8")
    settings = "".join(path.read_text("utf-8") for path in everything.glob("app/**/settings.py"))
    kit = "".join(path.read_text("utf-8") for path in everything.glob("migrate/*.py"))
    for document in (everything / "docs").iterdir():
        text = document.read_text("utf-8")
        for path in re.findall(r"\b(?:app|docs|tests)/[\w/]+\.\w+", text):
            assert (everything / path).is_file(), f"{document.name} names {path}"
        for target in re.findall(r"`make (\w+)`", text):
            assert f"\n{target}:" in makefile, f"{document.name} names make {target}"
        for name in re.findall(r"`([A-Z]+_[A-Z_]+)(?:=[^`]*)?`", text):
            known = f"    {name.lower()}:" in settings or f'"{name}"' in kit
            assert known or name == "MAKE_THUMBNAIL", f"{document.name} names {name}"


@pytest.mark.parametrize("database", ["postgresql", "mysql"])
def test_servers_listen_on_this_machine_only_and_are_where_the_settings_look(
    tmp_path: Path, database: str
) -> None:
    shop = rendered(tmp_path, "preset=custom", f"database={database}")
    services = yaml.safe_load((shop / "compose.yaml").read_text("utf-8"))["services"]
    tests = {"mysql": {"test-database"}}.get(database, set())
    assert services.keys() == {"database", "redis", *tests}
    assert {name for name, service in services.items() if "profiles" in service} == tests
    ports = [port for service in services.values() for port in service["ports"]]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert all(service["healthcheck"]["retries"] for service in services.values())
    example = (shop / ".env.example").read_text("utf-8")
    (url,) = re.findall(rf"^DATABASE_URL={database}://\w+@([\d.:]+)/shop$", example, re.MULTILINE)
    assert f"{url}:{url.rpartition(':')[2]}" in ports
    assert re.search(r"^# REDIS_URL=redis://127\.0\.0\.1:6379/0$", example, re.MULTILINE)


def test_the_minimal_project_has_no_trace_of_what_it_did_not_choose(project: Path) -> None:
    assert not (project / "compose.yaml").exists()
    assert [path.name for path in (project / "app/features").iterdir() if path.suffix] == [
        "__init__.py"
    ]
    assert not (project / "tests/features").exists()
    assert traces(project, *FEATURES) == []


@pytest.mark.parametrize("ide", IDES)
def test_an_ide_alone_brings_nothing_else(tmp_path: Path, ide: str) -> None:
    shop = rendered(tmp_path, f"features={ide}")
    assert traces(shop, *(other for other in FEATURES if other != ide)) == []
    assert not (shop / "tests/features").exists()


@pytest.mark.parametrize("feature", [each for each in FEATURES if each not in IDES])
def test_a_feature_alone_passes_all_gates_and_brings_no_other(tmp_path: Path, feature: str) -> None:
    shop = rendered(tmp_path, f"features={feature}")
    assert traces(shop, *(other for other in FEATURES if other != feature)) == []
    install(shop, shop / "requirements-dev.lock")
    run(["make", "check"], shop)
    assert re.search(r"\b\d+ passed", run(["make", "test"], shop))


def traces(shop: Path, *features: str) -> list[str]:
    """The files with a trace of one of these features."""
    pattern = re.compile("|".join(TRACES[feature] for feature in features), re.IGNORECASE)
    found = []
    for path in files(shop):
        name = os.fspath(path.relative_to(shop))
        if name not in NOT_SEARCHED:
            found += [f"{name}: {trace[0]}" for trace in [pattern.search(name)] if trace]
            found += [
                f"{name}: {line}"
                for line in path.read_text("utf-8").splitlines()
                if pattern.search(line)
            ]
    return found
