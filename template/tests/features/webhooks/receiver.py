"""A receiver on this machine, that answers as a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

DONE = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


def answer(status: int, *headers: str, body: str = "") -> str:
    lines = (f"HTTP/1.1 {status} so", *headers, f"Content-Length: {len(body)}", "Connection: close")
    return "\r\n".join([*lines, "", body])


@dataclass(frozen=True)
class Received:
    """A request: names of headers in small letters."""

    line: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Receiver:
    """Answers each request with the next of `answers`, and then with `usual`; "" says nothing."""

    usual: str = DONE
    answers: list[str] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    port: int = 0
    waiting: int = 0
    most_waiting: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    # While it is not set, whoever asks waits.
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    async def until_waiting(self, number: int) -> None:
        """Wait until so many wait for an answer."""
        while self.waiting < number:
            self.reached.clear()
            await self.reached.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request, and answer it."""
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        try:
            self.received.append(await _read(reader))
            self.reached.set()
            await self.gate.wait()
            writer.write((self.answers.pop(0) if self.answers else self.usual).encode())
            await writer.drain()
        finally:
            self.waiting -= 1
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Received:
    line, *rest = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    named = (each.partition(":") for each in rest)
    headers = {name.lower(): value.strip() for name, _, value in named}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(line, headers, body)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Yield a receiver that is there."""
    receiver = Receiver()
    receiver.gate.set()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    yield receiver
    receiver.gate.set()
    server.close()
    await server.wait_closed()
