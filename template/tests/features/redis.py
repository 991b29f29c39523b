"""A Redis of a test's own, on a free port. Without one its tests are skipped, in CI they fail."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import pytest


class RedisServer:
    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        self._folder = folder
        self.start()

    def start(self) -> None:
        program = shutil.which("redis-server") or missing("redis-server")
        options = ["--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)]
        self.process = subprocess.Popen(
            [program, "--port", str(self._port), *options], stdout=subprocess.DEVNULL
        )
        while not self._answers():
            time.sleep(0.01)

    def _answers(self) -> bool:
        with closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    def end(self, how: signal.Signals) -> None:
        self.process.send_signal(how)
        self.process.wait()


def missing(program: str) -> NoReturn:
    """Skip the test on a developer's machine, fail it where nobody would notice."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(f"needs {program} on PATH")


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
