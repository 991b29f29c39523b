"""Prove the whole way of one request, from its answer to its job.

api and worker run as real processes, and one profile goes all the way through them. The database is
left as it was found. Without a URL it starts its own api (and worker, where there is a REDIS_URL)
on a free port, and stops them again.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from io import BytesIO
from uuid import uuid4

import httpx
from PIL import Image

from app import features
from app.settings import Settings

PATIENCE_SECONDS = 30
STOP_SECONDS = 15


class SmokeError(Exception):
    """What should have happened did not."""


def declare(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--url", help="prove the api that runs there, instead of starting one")


def run(arguments: Namespace) -> None:
    """Tell the story of the test on standard output."""
    settings = Settings()
    try:
        with ExitStack() as stack:
            headers = stack.enter_context(features.request_headers(settings))
            base_url = arguments.url or stack.enter_context(_running(settings))
            client = stack.enter_context(
                httpx.Client(base_url=base_url, headers=headers, timeout=10)
            )
            _tell("api is ready", lambda: _wait_until_ready(client))
            _tell("jobs are done by", lambda: "the worker" if settings.redis_url else "the api")
            _tell_profile(client)
    except (SmokeError, httpx.HTTPError) as error:
        print(f"✗ {error}", flush=True)
        sys.exit(1)


def _tell_profile(client: httpx.Client) -> None:
    profile = _tell("profile created", lambda: _create_profile(client))
    path = f"/v1/profiles/{profile}"
    try:
        _tell("headshot uploaded", lambda: _upload(client, path))
        _tell("worker made its thumbnail", lambda: _wait_for_thumbnail(client, path))
    finally:
        _tell("profile deleted", lambda: _delete(client, path))


def _tell(what: str, act: Callable[[], object]) -> str:
    started = time.perf_counter()
    result = str(act())
    milliseconds = (time.perf_counter() - started) * 1000
    print(f"✓ {what:<28} {result:<38} {milliseconds:7.0f} ms", flush=True)
    return result


def _wait_until_ready(client: httpx.Client) -> str:
    def ready() -> bool:
        try:
            return client.get("/readyz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    _wait_for(ready, "the api did not become ready")
    return str(client.base_url)


def _create_profile(client: httpx.Client) -> object:
    draft = {
        "employee_number": f"smoke-{uuid4().hex[:8]}",
        "full_name": "Smoke Test",
        "email": "smoke.test@example.com",
        "department": "Operations",
    }
    return _data(client.post("/v1/profiles", json=draft))["id"]


def _upload(client: httpx.Client, path: str) -> object:
    picture = BytesIO()
    Image.new("RGB", (640, 480), "steelblue").save(picture, "PNG")
    files = {"image": ("headshot.png", picture.getvalue(), "image/png")}
    return _data(client.put(f"{path}/headshot", files=files))["headshot"]


def _wait_for_thumbnail(client: httpx.Client, path: str) -> str:
    def ready() -> bool:
        return _data(client.get(path))["headshot"] == "ready"

    _wait_for(ready, "the job was not done")
    answer = client.get(f"{path}/headshot").raise_for_status()
    return f"{answer.headers['content-type']}, {len(answer.content)} bytes"


def _delete(client: httpx.Client, path: str) -> int:
    return client.delete(path, headers={"If-Match": "*"}).raise_for_status().status_code


def _data(answer: httpx.Response) -> dict[str, object]:
    if answer.is_error:
        message = (
            f"{answer.request.method} {answer.url} answered {answer.status_code}: {answer.text}"
        )
        raise SmokeError(message)
    data: dict[str, object] = answer.json()["data"]
    return data


def _wait_for(condition: Callable[[], bool], otherwise: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > end:
            message = f"{otherwise} within {PATIENCE_SECONDS} seconds"
            raise SmokeError(message)
        time.sleep(0.05)


@contextmanager
def _running(settings: Settings) -> Iterator[str]:
    """Start the project's processes, yield the api's address, and stop them."""
    port = _free_port()
    environment = os.environ | {"HOST": "127.0.0.1", "PORT": str(port), "LOG_LEVEL": "WARNING"}
    with ExitStack() as stack:
        for command in ["api"] if settings.redis_url is None else ["api", "worker"]:
            stack.enter_context(_process(command, environment))
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _process(command: str, environment: Mapping[str, str]) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-m", "app", command], env=environment)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
