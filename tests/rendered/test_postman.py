"""Newman runs the Postman collection against the live api: what is broken fails, and only that."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootstrap.machine import pins
from bootstrap.machine.edits import base_url
from tests.conftest import rendered, unavailable
from tests.rendered.processes import Backend
from tests.rendered.servers import program

pytestmark = pytest.mark.slow

NEWMAN = "newman@6.2.2"
SCOPES = ("--scope", "profiles:read", "--scope", "profiles:write")


@dataclass(frozen=True)
class Report:
    """What a run of newman has found."""

    code: int
    requests: int
    assertions: int
    failed: set[str]

    @property
    def proves_something(self) -> bool:
        """A run without any assertion ends well too, and has seen nothing."""
        return self.code == 0 and self.assertions > 2 * self.requests


@pytest.fixture(scope="session")
def newman(pytestconfig: pytest.Config) -> Path:
    """Newman, installed once and kept beside pytest's own cache."""
    assert pytestconfig.cache is not None
    folder = pytestconfig.cache.mkdir("newman") / NEWMAN
    command = folder / "node_modules/.bin/newman"
    if not command.exists():
        draft = folder.with_name(f"{NEWMAN}.{os.getpid()}")
        draft.mkdir()
        npm = [program("npm"), "install", "--prefix", str(draft), "--no-save", "--ignore-scripts"]
        quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
        if subprocess.run([*npm, *quiet, NEWMAN], check=False).returncode:
            unavailable(f"a registry that has {NEWMAN}")
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    return command


@pytest.fixture
def backend(everything: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Backend]:
    """A project whose collection is written for the port that its api listens on, migrated."""
    shop = tmp_path / "shop"
    if request.param == "everything":
        shutil.copytree(everything, shop, ignore=shutil.ignore_patterns(".venv", ".*_cache"))
    else:
        rendered(tmp_path, "preset=custom", f"features={request.param}")
    (shop / ".venv").symlink_to(everything / ".venv")
    url = f"sqlite:///{tmp_path / 'app.db'}"
    environment = os.environ | {"DATABASE_URL": url, "LOG_LEVEL": "WARNING"}
    environment.pop("REDIS_URL", None)
    backend = Backend(shop, url, environment)
    backend.run("-m", "alembic", "upgrade", "head")
    yield backend
    backend.stop_all()


@dataclass(frozen=True)
class Runner:
    """Runs a project's collection in its local environment."""

    newman: Path
    backend: Backend

    def files(self) -> list[Path]:
        client = pins.read(self.backend.project).http_client
        assert client is not None
        return list(client.files)

    def run(self, *, key: str = "") -> Report:
        collection, environment, _ = self.files()
        report = self.backend.project / "report.json"
        told = ["--reporters", "json", "--reporter-json-export", str(report)]
        command: list[str | Path] = [self.newman, "run", collection, *told]
        command += ["--environment", environment, "--env-var", f"clientKey={key}"]
        command += ["--working-dir", collection.parent]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert report.exists(), done.stdout + done.stderr
        run = json.loads(report.read_text())["run"]
        failed = {f"{each['source']['name']}: {each['error']['test']}" for each in run["failures"]}
        stats = run["stats"]
        return Report(
            done.returncode, stats["requests"]["total"], stats["assertions"]["total"], failed
        )


@pytest.fixture
def runner(newman: Path, backend: Backend) -> Runner:
    """Newman, the collection written, and the api it is for."""
    return Runner(newman, backend)


def serve(runner: Runner, **settings: str) -> None:
    """Write the collection, then start the api and let the local environment name it."""
    runner.backend.run("-m", "postman")
    _, client = runner.backend.start_api(**settings)
    for file in runner.files():
        assert file.exists()
        if base_url.named_by(file) is not None:
            base_url.set_url(file, str(client.base_url).rstrip("/"))


@pytest.mark.parametrize("backend", ["everything"], indirect=True)
def test_the_answers_of_an_api_with_everything_are_as_its_collection_says(runner: Runner) -> None:
    words = runner.backend.output("-m", "app", "clients", "register", "newman", *SCOPES)
    serve(runner, AUTH_REQUIRED="true")
    report = runner.run(key=words.strip())
    assert report.failed == set()
    assert report.proves_something
    assert report.assertions > 70
    assert runner.backend.count("SELECT count(*) FROM profiles") == 0
    runner.backend.run("-m", "postman", "--check")
    kept = "".join(path.read_text() for path in runner.files())
    assert words.strip() not in kept
    # Without a key nothing but the health of such an api can be seen.
    assert "Create Profile: answers 201" in runner.run().failed


@pytest.mark.parametrize("backend", ["postman"], indirect=True)
def test_an_api_that_breaks_its_word_is_told_and_a_run_that_tests_nothing_is_none(
    runner: Runner,
) -> None:
    serve(runner)
    report = runner.run()
    assert report.failed == set()
    assert report.proves_something
    assert report.assertions > 50
    runner.backend.stop_all()
    shop = runner.backend.project
    change(shop / "app/modules/profiles/schemas.py", "int = Field(", "int = Field(exclude=True, ")
    service = shop / "app/modules/profiles/service.py"
    change(service, "await session.delete(profile)", "str(profile)")
    broken = subprocess.run(
        [runner.backend.python, "-m", "postman", "--check"],
        cwd=shop,
        env=runner.backend.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (broken.returncode, broken.stderr) == (
        1,
        "shop.postman_collection.json is not what the api says: make postman\n",
    )
    _, client = runner.backend.start_api()
    collection, environment, _ = runner.files()
    base_url.set_url(environment, str(client.base_url).rstrip("/"))
    report = runner.run()
    assert report.code == 1
    assert {
        "Read Profile: has the documented shape",
        "Read Profile, which is gone: answers 404",
    } <= report.failed
    document = json.loads(collection.read_text())
    del document["event"]
    for item in (item for folder in document["item"] for item in folder["item"]):
        item["event"] = []
    collection.write_text(json.dumps(document))
    silent = runner.run()
    assert (silent.code, silent.assertions, silent.proves_something) == (0, 0, False)


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")
