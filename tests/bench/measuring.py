"""Measuring on a machine that others use: CPU seconds instead of wall time, rounds interleaved."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process with its children, living and reaped."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    own = sum(int(field) for field in fields[11:15]) / TICKS
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return own + sum(cpu_of(int(child)) for child in children)


def cpu_seconds(run: Callable[[], object]) -> float:
    """Return the CPU seconds of the processes that `run` starts and waits for."""
    before = os.times()
    run()
    after = os.times()
    user = after.children_user - before.children_user
    return user + after.children_system - before.children_system


def interleaved(
    contestants: Mapping[str, Callable[[], float]],
    rounds: int,
    of: Callable[[list[float]], float] = statistics.median,
) -> dict[str, float]:
    """Measure each in turn, so many rounds; return the medians, or what else is asked for."""
    seen: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, measure in contestants.items():
            seen[name].append(measure())
    return {name: of(values) for name, values in seen.items()}


def cpu_per_request(pid: int, port: int, requests: list[bytes], clients: int = 16) -> float:
    """Send the requests over so many connections; return the server's CPU milliseconds for one."""
    before = cpu_of(pid)
    asyncio.run(_send(port, requests, clients))
    time.sleep(0.3)  # what the answers have left to do: jobs begun, connections closed
    return (cpu_of(pid) - before) / len(requests) * 1000


async def _send(port: int, requests: list[bytes], clients: int) -> None:
    async def client(own: list[bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in own:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head[9:10] == b"2", head
            await reader.readexactly(_length(head))
        writer.close()

    await asyncio.gather(*(client(requests[i::clients]) for i in range(clients)))


def _length(head: bytes) -> int:
    lower = head.lower()
    start = lower.index(b"content-length:") + len(b"content-length:")
    return int(lower[start : lower.index(b"\r\n", start)])
