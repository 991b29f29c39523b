"""The OpenAPI document tells the truth: Schemathesis tries to prove otherwise, on PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.rendered.conftest import on_postgresql
from tests.rendered.processes import Backend, create_profile, picture, upload

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("project")]


@on_postgresql
def test_the_api_keeps_its_contract(backend: Backend) -> None:
    _, client = backend.start_api()
    upload(client, create_profile(client, 1), picture())
    backend.wait_for_thumbnails(1)
    document = str(client.base_url.join("/openapi.json"))
    command = [sys.executable, "-m", "schemathesis.cli", "run", document, "--checks=all"]
    command += ["--seed=1", "--max-examples=15", "--generation-deterministic", "--no-color"]
    command += ["--continue-on-failure"]
    done = subprocess.run(
        command, cwd=backend.project, capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.returncode == 0, done.stdout + done.stderr
