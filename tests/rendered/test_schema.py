"""The OpenAPI document tells the truth: Schemathesis tries to prove otherwise, on PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import nightly_but
from tests.rendered.conftest import on_postgresql
from tests.rendered.processes import Backend, create_profile, picture, upload

ROOT = Path(__file__).parents[2]
CONFIG = Path(__file__).parent / "schemathesis.toml"

pytestmark = pytest.mark.slow


def key_for_everything(backend: Backend) -> str:
    """Register a client that may do whatever there is, as an operator would; return its key."""
    command = ["-m", "app", "clients", "register", "schemathesis", "--json"]
    for scope in ("profiles:read", "profiles:write"):
        command += ["--scope", scope]
    return str(json.loads(backend.output(*command))["key"])


@on_postgresql
@pytest.mark.parametrize("auth", nightly_but("false", of=("true", "false")))
def test_the_api_keeps_its_contract(backend: Backend, auth: str) -> None:
    authorization = f"Bearer {key_for_everything(backend)}"
    _, client = backend.start_api(AUTH_REQUIRED=auth)
    client.headers["Authorization"] = authorization
    upload(client, create_profile(client, 1), picture())
    backend.wait_for_thumbnails(1)
    document = str(client.base_url.join("/openapi.json"))
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG)]
    command += ["run", document, "--header", f"Authorization: {authorization}"]
    command += ["--continue-on-failure", "--no-color"]
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "tests.rendered.formats"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
