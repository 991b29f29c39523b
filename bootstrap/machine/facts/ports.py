"""Who holds a port of this machine?"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bootstrap.files import text_of
from bootstrap.processes import probe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# The state of a listening socket in /proc/net/tcp, by Linux' include/net/tcp_states.h.
_LISTENING = "0A"
_PROC = Path("/proc")
_LOCAL = ("127.", "::1", "localhost")
_SECONDS = 5
_SETS = 100  # so many are tried
_PORTS = 2**16


class PortOwner(NamedTuple):
    """The process that listens on a port, and its command line."""

    pid: int
    command: str

    @property
    def shown(self) -> str:
        program = Path(self.command.partition(" ")[0]).name
        return f"{program or 'a process'} (pid {self.pid})"


def is_local(host: str) -> bool:
    return host.startswith(_LOCAL)


def is_taken(port: int) -> bool:
    """Whether nobody else can listen there; what was left open a moment ago does not count."""
    import socket  # noqa: PLC0415 - most looks ask about no port

    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return True
    return False


def free_set(ports: Mapping[str, int], taken: Callable[[str, int], bool]) -> dict[str, int]:
    """The ports by their names, all moved up as little as lets every one of them be free."""
    for offset in range(_SETS):
        moved = {name: port + offset for name, port in ports.items()}
        if max(moved.values(), default=0) < _PORTS and not any(map(taken, moved, moved.values())):
            return moved
    return dict(ports)


def owner_of(port: int) -> PortOwner | None:
    """The listening process; None where there is none, or another user's."""
    pid = _by_proc(port) if (_PROC / "net" / "tcp").exists() else _by_lsof(port)
    if pid is None:
        return None
    answer = probe(("ps", "-o", "args=", "-p", str(pid)), seconds=_SECONDS)
    return PortOwner(pid, answer.output if answer.code == 0 else "")


def _by_proc(port: int) -> int | None:
    """By the sockets that proc(5) names in the open files of each process."""
    sockets = {f"socket:[{inode}]" for inode in _listeners(port)}
    for process in _PROC.glob("[0-9]*") if sockets else ():
        # It has ended meanwhile, or is another user's.
        with suppress(OSError):
            if any(str(file.readlink()) in sockets for file in (process / "fd").iterdir()):
                return int(process.name)
    return None


def _listeners(port: int) -> Iterator[str]:
    """The inodes of the sockets that listen on that port."""
    for name in ("tcp", "tcp6"):
        for line in text_of(_PROC / "net" / name).splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _by_lsof(port: int) -> int | None:
    answer = probe(("lsof", "-nP", "-t", f"-iTCP:{port}", "-sTCP:LISTEN"), seconds=_SECONDS)
    found = answer.output.split()
    return int(found[0]) if answer.code == 0 and found else None
