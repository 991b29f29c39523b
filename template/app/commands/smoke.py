"""Prove the whole way of one request, from its answer to its job.

api and worker run as real processes. Whatever the api lets clients create is created by the example
of its OpenAPI document, and deleted again: the database is left as it was found. Without a URL it
starts its own api (and worker, where there is a REDIS_URL) on a free port, and stops them again.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx

from app import features
from app.creatable import Call, Resource, resources
from app.settings import Settings

PATIENCE_SECONDS = 30
STOP_SECONDS = 15
NOTHING = "no resource has an example for every required field and can be deleted: none is created"
NO_JOB = "no endpoint below it answers 202: no job is waited for"


class SmokeError(Exception):
    """What should have happened did not."""


def declare(parser: ArgumentParser) -> None:
    parser.add_argument("--url", help="prove the api that runs there, instead of starting one")


def run(arguments: Namespace) -> None:
    settings = Settings()
    try:
        with ExitStack() as stack:
            headers = stack.enter_context(features.request_headers(settings))
            processes: list[subprocess.Popen[bytes]] = []
            base_url = arguments.url or _start(settings, stack, processes)
            client = httpx.Client(base_url=base_url, headers=headers, timeout=10)
            stack.enter_context(client)
            _tell("api is ready", lambda: _wait_until_ready(client, processes))
            _tell("jobs are done by", lambda: "the worker" if settings.redis_url else "the api")
            _tell("docs are served", lambda: _accepted(client.get("/docs")).url.path)
            found = resources(_accepted(client.get("/openapi.json")).json())
            for resource in found[:1]:
                _tell_resource(client, resource)
            if not found:
                print(f"- {NOTHING}", flush=True)
    except (SmokeError, httpx.HTTPError) as error:
        print(f"✗ {error}", flush=True)
        sys.exit(1)


def _tell_resource(client: httpx.Client, resource: Resource) -> None:
    creation, job = resource.creation, resource.job
    created = _tell(
        f"POST {creation.path}",
        lambda: _send(client, creation, creation.path).json()["data"]["id"],
    )
    path = f"{creation.path}/{created}"
    try:
        if job is None:
            print(f"- {NO_JOB}", flush=True)
        else:
            _tell(f"{job.method} {job.path}", lambda: _have_done(client, resource, job, path))
    finally:
        delete = client.build_request("DELETE", path, headers={"If-Match": "*"})
        _tell(f"DELETE {resource.path}", lambda: _accepted(client.send(delete)).status_code)


def _tell(what: str, act: Callable[[], object]) -> str:
    started = time.perf_counter()
    result = str(act())
    milliseconds = (time.perf_counter() - started) * 1000
    print(f"✓ {what:<38} {result:<38} {milliseconds:7.0f} ms", flush=True)
    return result


def _wait_until_ready(client: httpx.Client, processes: list[subprocess.Popen[bytes]]) -> str:
    told = "it answers nothing"

    def ready() -> bool:
        nonlocal told
        if any(process.poll() is not None for process in processes):
            raise SmokeError("a process of the project has ended, as it says above")
        try:
            answer = client.get("/readyz")
        except httpx.TransportError:
            return False
        told = answer.text
        return answer.is_success

    _wait_for(ready, lambda: f"the api did not become ready ({told})")
    return str(client.base_url)


def _send(client: httpx.Client, call: Call, path: str) -> httpx.Response:
    body: dict[str, Any] = {"data": call.body, "files": call.files}
    return _accepted(
        client.request(call.method, path, **body if call.files else {"json": call.body})
    )


def _have_done(client: httpx.Client, resource: Resource, job: Call, item: str) -> str:
    """Ask for the job, and wait until its outcome is there: not what was told when it was asked."""
    at = item + job.path.removeprefix(resource.path)
    told = _send(client, job, at).text
    outcome = at if job.is_readable else item

    def is_done() -> bool:
        answer = client.get(outcome)
        return answer.is_success and answer.text != told

    _wait_for(is_done, lambda: "the job was not done")
    answer = client.get(outcome)
    kind = answer.headers["content-type"]
    return f"its job is done: {kind}, {len(answer.content)} bytes"


def _accepted(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        request = answer.request
        message = f"{request.method} {request.url} answered {answer.status_code}: {answer.text}"
        raise SmokeError(message)
    return answer


def _wait_for(condition: Callable[[], bool], otherwise: Callable[[], str]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise SmokeError(f"{otherwise()} within {PATIENCE_SECONDS} seconds")
        time.sleep(0.05)


def _start(settings: Settings, stack: ExitStack, processes: list[subprocess.Popen[bytes]]) -> str:
    """Start the project's processes, to be stopped by the stack; return the api's address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        api = _process("api", "--fd", f"{listening.fileno()}", keep=listening)
        processes.append(stack.enter_context(api))
        port = listening.getsockname()[1]
    if settings.redis_url is not None:
        processes.append(stack.enter_context(_process("worker")))
    return f"http://127.0.0.1:{port}"


@contextmanager
def _process(*words: str, keep: socket.socket | None = None) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "app", *words]
    kept = [keep.fileno()] if keep is not None else []
    process = subprocess.Popen(command, env=os.environ | {"LOG_LEVEL": "WARNING"}, pass_fds=kept)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
