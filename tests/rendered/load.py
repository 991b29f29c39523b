"""Bounded load: many clients at once, every answer kept, no answer invented."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import httpx

from tests.rendered.processes import draft_of, picture
from tests.waiting import DEADLINE

PICTURE = picture(64)


@dataclass
class Outcomes:
    """What clients were told: by employee number, what was created and what was uploaded."""

    acknowledged: set[str] = field(default_factory=set)
    uploaded: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)


@contextmanager
def writers(
    base_url: httpx.URL, number: int, *, uploads: bool = True, prefix: str = "L"
) -> Iterator[Outcomes]:
    """Let `number` clients create profiles, each with a headshot, until the block ends."""
    outcomes, numbers, stopped = Outcomes(), count(), threading.Event()

    def write() -> None:
        with httpx.Client(base_url=base_url, timeout=DEADLINE) as client:
            while not stopped.is_set():
                _write_one(client, f"{prefix}-{next(numbers)}", outcomes, uploads=uploads)

    threads = [threading.Thread(target=write) for _ in range(number)]
    for thread in threads:
        thread.start()
    try:
        yield outcomes
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


def _write_one(client: httpx.Client, name: str, outcomes: Outcomes, *, uploads: bool) -> None:
    created = _told(lambda: client.post("/v1/profiles", json=draft_of(name)), 201, name, outcomes)
    if created is None:
        time.sleep(0.05)
        return
    outcomes.acknowledged.add(name)
    path = created.headers["location"] + "/headshot"
    files = {"image": PICTURE}
    if uploads and _told(lambda: client.put(path, files=files), 202, name, outcomes):
        outcomes.uploaded.add(name)


def _told(
    ask: Callable[[], httpx.Response], success: int, name: str, outcomes: Outcomes
) -> httpx.Response | None:
    """Ask; return the answer that says so, else keep the name: what became of it is not known."""
    try:
        answer = ask()
    except httpx.TransportError:
        outcomes.unknown.add(name)
        return None
    if answer.status_code == success:
        return answer
    outcomes.unknown.add(name)
    if not answer.is_server_error:
        outcomes.wrong.append(f"{name}: {answer.status_code} {answer.text}")
    return None


def crowd(base_url: httpx.URL, clients: int, requests: list[bytes]) -> dict[int, int]:
    """Let so many clients send these requests at once, each on a connection of its own.

    Returns how many answers there were of each status.
    """
    return asyncio.run(_crowd(base_url, clients, requests))


async def _crowd(base_url: httpx.URL, clients: int, requests: list[bytes]) -> dict[int, int]:
    statuses: dict[int, int] = {}

    async def client(own: list[bytes]) -> None:
        reader, writer = await asyncio.open_connection(base_url.host, base_url.port)
        for request in own:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(_length(head))
            status = int(head.split(b" ", 2)[1])
            statuses[status] = statuses.get(status, 0) + 1
        writer.close()

    await asyncio.gather(*(client(requests[i::clients]) for i in range(clients)))
    return statuses


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0
