"""A real Chromium without a window, spoken to over a pipe (the DevTools protocol)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from select import select
from shutil import which
from typing import Any, BinaryIO

from tests.conftest import unavailable

OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)
PATIENCE = 60  # seconds, on a machine that has much else to do
# Chromium reads from 3 and writes to 4, whichever numbers the pipes have here.
LAUNCH = """\
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
os.dup2(ends[0], 3), os.dup2(ends[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


@dataclass
class Tab:
    """One page, and everything that it asked for and complained of."""

    to: BinaryIO
    answers: FileIO
    session: str = ""
    _read: bytearray = field(default_factory=bytearray)
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _count: int = 0

    def send(self, method: str, **params: object) -> dict[str, Any]:
        """Do something; its result. What happens meanwhile is noted."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        message |= {"sessionId": self.session} if self.session else {}
        self.to.write(json.dumps(message).encode() + b"\0")
        self.to.flush()
        while (told := self._next()).get("id") != self._count:
            pass
        assert "error" not in told, told
        result: dict[str, Any] = told["result"]
        return result

    def wait(self, event: str) -> None:
        while self._next().get("method") != event:
            pass

    def open(self, path: Path) -> None:
        """Open a file, and wait until it is there with all it asks for."""
        self.requests.clear()
        self.complaints.clear()
        self.send("Page.navigate", url=path.as_uri())
        self.wait("Page.loadEventFired")

    def run(self, script: str) -> Any:
        """What an expression is in the page."""
        done = self.send("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def show(self, width: int, *, dark: bool = False, height: int = 900) -> None:
        """Make the window that wide: below 600 it is a phone's."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.send("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def click(self, selector: str) -> None:
        """Click where the element is, as a mouse does, once it stays in one place."""
        script = f"""(() => {{
            const found = document.querySelector({json.dumps(selector)});
            found.scrollIntoView({{block: "center"}});
            const box = found.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2];
        }})()"""
        x, y = self.run(script)
        while (place := self.run(script)) != [x, y]:  # what was clicked before has scrolled
            x, y = place
        for kind in ("mousePressed", "mouseReleased"):
            words = {"x": x, "y": y, "button": "left", "clickCount": 1}
            self.send("Input.dispatchMouseEvent", type=kind, **words)

    def type(self, text: str) -> None:
        for key in text:
            for kind in ("keyDown", "keyUp"):
                words = {"text": key} if kind == "keyDown" else {}
                self.send("Input.dispatchKeyEvent", type=kind, key=key, **words)

    def picture(self) -> bytes:
        """What is seen, as PNG."""
        return b64decode(self.send("Page.captureScreenshot")["data"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._read:
            ready, _, _ = select([self.answers], [], [], PATIENCE)
            some = os.read(self.answers.fileno(), 1 << 16) if ready else b""
            assert some, "Chromium has ended, or does not answer"
            self._read += some
        text, _, rest = self._read.partition(b"\0")
        self._read = rest
        told: dict[str, Any] = json.loads(text)
        params = told.get("params", {})
        if told.get("method") == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        if told.get("method") in {"Log.entryAdded", "Runtime.exceptionThrown"}:
            self.complaints.append(json.dumps(params))
        if told.get("method") == "Runtime.consoleAPICalled":
            self.complaints.append(json.dumps(params["args"]))
        return told


@contextmanager
def chromium() -> Iterator[Tab]:
    """An empty page in a browser of its own, which is gone afterwards."""
    program = which("chromium") or unavailable("Chromium (the package chromium)")
    (reading, to), (answers, writing) = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [sys.executable, "-c", LAUNCH, str(reading), str(writing), program, *OPTIONS]
        process = subprocess.Popen(
            [*command, f"--user-data-dir={profile}"],
            pass_fds=(reading, writing),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(reading)
        os.close(writing)
        with open(to, "wb") as written, FileIO(answers) as read:  # noqa: PTH123 - pipes
            try:
                yield _tab(Tab(written, read))
            finally:
                _close(process, written)


def _close(process: subprocess.Popen[bytes], to: BinaryIO) -> None:
    """Ask it to end; what does not within a while is killed."""
    with suppress(BrokenPipeError):
        to.write(b'{"id": 0, "method": "Browser.close"}\0')
        to.flush()
    try:
        process.wait(timeout=600)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tab(tab: Tab) -> Tab:
    target = tab.send("Target.createTarget", url="about:blank")["targetId"]
    attached = tab.send("Target.attachToTarget", targetId=target, flatten=True)
    tab.session = attached["sessionId"]
    for domain in ("Page", "Runtime", "Log", "Network"):
        tab.send(f"{domain}.enable")
    return tab
