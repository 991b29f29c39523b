"""The port that the api listens on, and who holds it where it is taken."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from errno import EADDRINUSE
from pathlib import Path

# The state of a listening socket in /proc/net/tcp, by include/net/tcp_states.h.
LISTENING = "0A"
BACKLOG = 2048
PORTS_TRIED = 100


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; ends the process, and says why, where it cannot."""
    try:
        return _listening(host, port)
    except OSError as error:
        if error.errno != EADDRINUSE:
            sys.exit(f"{host}:{port} cannot be listened on: {error.strerror}")
    message = f"Port {port} is taken by {owner(port) or 'a process of another user'}."
    other = _free_port(host, port)
    sys.exit(f"{message}\nStop it, or choose another port: PORT={other} in .env.")


def owner(port: int) -> str | None:
    """Return the pid and the program that listen on a port here, where we may see them."""
    pid = _owner_by_proc(port) if Path("/proc/net/tcp").exists() else _owner_by_lsof(port)
    if pid is None:
        return None
    command = _output("ps", "-o", "args=", "-p", str(pid))
    return f"pid {pid}: {command}" if command else f"pid {pid}"


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def _free_port(host: str, taken: int) -> int:
    for port in range(taken + 1, min(taken + PORTS_TRIED, 65536)):
        try:
            _listening(host, port).close()
        except OSError:
            continue
        return port
    return 0


def _owner_by_proc(port: int) -> int | None:
    """Return the process that has a listening socket on that port, by proc(5)."""
    sockets = {f"socket:[{inode}]" for inode in _listeners(port)}
    for process in Path("/proc").glob("[0-9]*"):
        # It has ended meanwhile, or is another user's.
        with suppress(OSError):
            if any(str(file.readlink()) in sockets for file in (process / "fd").iterdir()):
                return int(process.name)
    return None


def _listeners(port: int) -> Iterator[str]:
    """Yield the inodes of the sockets that listen on that port."""
    for name in ("tcp", "tcp6"):
        table = Path("/proc/net", name)
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            fields = line.split()
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _owner_by_lsof(port: int) -> int | None:
    found = _output("lsof", "-nP", "-t", f"-iTCP:{port}", "-sTCP:LISTEN").split()
    return int(found[0]) if found else None


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
