"""Programs at a pseudo-terminal: wait for a text, then type, as people do."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.waiting import LONG, wait_until

# What moves the cursor, colours, or names a window.
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x1b\][^\a]*\a|\r")


class Terminal:
    """A pseudo-terminal of 40 lines with a program in it, a session of its own."""

    def __init__(
        self,
        command: Sequence[str],
        cwd: Path,
        environment: Mapping[str, str],
        *,
        columns: int = 120,
        stdout: int | None = None,
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=slave,
            stdout=slave if stdout is None else stdout,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""

    def expect(self, text: str) -> str:
        """Wait until `text` has appeared since the last one waited for; return what is between."""
        wait_until(lambda: text in self.seen or not self._read(), repr(text), LONG, pause=0)
        assert text in self.seen, f"ended without {text!r}:\n{self.seen}"
        before, _, self.seen = self.seen.partition(text)
        return before

    def type(self, *keys: str) -> None:
        """Press keys."""
        os.write(self._master, "".join(keys).encode())

    def end(self) -> int:
        """Wait for the program to end and return its exit code."""
        while self._read():
            pass
        return self._process.wait(LONG)

    def close(self) -> None:
        """Leave nothing running."""
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], LONG)
        try:
            data = os.read(self._master, 65536) if ready else b""
        except OSError:  # Linux's way of saying that the other side is closed
            data = b""
        self.seen += _ESCAPES.sub("", data.decode(errors="replace"))
        return bool(data)


def headstart_at_terminal(*arguments: str, cwd: Path, **options: int) -> Terminal:
    """`headstart` from the work tree."""
    told = {"TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"}
    command = [sys.executable, "-m", "bootstrap", *arguments]
    return Terminal(command, cwd, os.environ | told, **options)
