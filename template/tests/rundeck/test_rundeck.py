"""Rundeck's jobs: one for each command, each a script that starts it, imported or refused aloud."""

import json
import os
import re
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pytest

from app.commands import rundeck
from app.rundeck.jobs import jobs, leaves
from app.settings import read_project

JOBS = cast("list[dict[str, Any]]", jobs(read_project()))
IMPORT = Namespace(action="import")


def script_of(job: dict[str, Any]) -> str:
    (command,) = job["sequence"]["commands"]
    return cast("str", command["script"])


def started(job: dict[str, Any], tmp_path: Path, **options: str) -> list[str]:
    """The words that a job's script starts, where a program that tells them stands for Python."""
    program = tmp_path / "python"
    program.write_text('#!/bin/sh\nfor word in "$@"; do printf "%s\\n" "$word"; done\n')
    program.chmod(0o755)
    given = {f"RD_OPTION_{name.upper()}": value for name, value in options.items()}
    done = subprocess.run(
        ["/bin/sh", "-c", script_of(job)],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"} | given,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_every_command_of_an_operator_is_a_job_with_an_id_of_its_own() -> None:
    names = {job["name"] for job in JOBS}
    assert {" ".join(leaf.words) for leaf in leaves()} <= names
    assert "migrate upgrade" in names
    assert len({job["uuid"] for job in JOBS}) == len(names) == len(JOBS)
    assert jobs(read_project()) == JOBS


def test_the_file_that_is_committed_has_them() -> None:
    assert rundeck.is_current(json.dumps(JOBS, indent=2) + "\n"), "python -m app rundeck export"


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job["name"])
def test_a_script_starts_its_command(job: dict[str, Any], tmp_path: Path) -> None:
    words = started(job, tmp_path)
    assert words[:2] == ["-m", "migrate" if job["name"].startswith("migrate ") else "app"]
    assert " ".join(words[2:]) == job["name"].removeprefix("migrate ")


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job["name"])
def test_what_is_filled_in_is_a_word_and_no_more(job: dict[str, Any], tmp_path: Path) -> None:
    hostile = "$(touch owned)`touch owned`;touch owned *"
    for option in job.get("options", ()):
        words = started(job, tmp_path, **{option["name"]: hostile})
        repeated = any(
            f"RD_OPTION_{option['name'].upper()}:-}}; do" in line
            for line in script_of(job).splitlines()
        )
        if option.get("values") == ["yes"]:
            assert words[-1].startswith("--")
        elif repeated:
            assert hostile.split() == [word for word in words if word in hostile.split()]
        else:
            assert words[-1] == hostile
        assert not re.fullmatch(option.get("regex", "x"), "--all")
    assert not Path("owned").exists()


class FakeRundeck(BaseHTTPRequestHandler):
    """Answers as Rundeck's API does, by its documentation."""

    status = 200
    answer: dict[str, Any] | str
    asked: dict[str, Any]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        type(self).asked = {
            "path": self.path,
            "headers": dict(self.headers),
            "jobs": json.loads(body),
        }
        self.send_response(self.status)
        self.end_headers()
        text = self.answer if isinstance(self.answer, str) else json.dumps(self.answer)
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakeRundeck]]:
    with HTTPServer(("127.0.0.1", 0), FakeRundeck) as listening:
        monkeypatch.setenv("RUNDECK_URL", f"http://127.0.0.1:{listening.server_port}/")
        monkeypatch.setenv("RUNDECK_TOKEN", "a token")
        monkeypatch.setenv("RUNDECK_PROJECT", "shop")
        thread = Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield FakeRundeck
        listening.shutdown()
        thread.join()


def test_jobs_are_imported(
    server: type[FakeRundeck], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = [{"index": 1, "name": job["name"], "id": job["uuid"]} for job in JOBS]
    monkeypatch.setattr(
        server, "answer", {"succeeded": told, "failed": [], "skipped": []}, raising=False
    )
    rundeck.run(IMPORT)
    assert capsys.readouterr().out == f"{len(JOBS)} jobs imported\n"
    assert server.asked["jobs"] == JOBS
    assert "/project/shop/jobs/import?fileformat=yaml&dupeOption=update" in server.asked["path"]
    assert server.asked["headers"]["X-Rundeck-Auth-Token"] == "a token"


@pytest.mark.parametrize(
    ("status", "answer", "told"),
    [
        (200, {"succeeded": [], "failed": [{"name": "x", "error": "no node"}]}, "x: no node"),
        (401, {"error": True}, "does not know the token"),
        (403, {"error": True}, "may not create"),
        (404, {"error": True}, "no such project"),
        (500, "broken", "answers 500: broken"),
        (200, "<html>", "does not answer as Rundeck does"),
        (200, {"other": []}, "does not answer as Rundeck does"),
    ],
)
def test_what_rundeck_refuses_fails_the_command(
    server: type[FakeRundeck],
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    answer: dict[str, Any] | str,
    told: str,
) -> None:
    monkeypatch.setattr(server, "status", status)
    monkeypatch.setattr(server, "answer", answer, raising=False)
    with pytest.raises(SystemExit, match=told):
        rundeck.run(IMPORT)


def test_nobody_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("URL", "http://127.0.0.1:1"), ("TOKEN", "t"), ("PROJECT", "p")):
        monkeypatch.setenv(f"RUNDECK_{name}", value)
    with pytest.raises(SystemExit, match="is not reached"):
        rundeck.run(IMPORT)


def test_what_is_not_set_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app", "rundeck", "import"],
        env={name: value for name, value in os.environ.items() if "RUNDECK" not in name},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "RUNDECK_URL, in the environment or .env: Field required" in done.stderr
