"""What tests of notifications stand on: a mail server that does as it is told, and a worker."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from app.core.database import Database
from app.features.notifications.jobs import configure
from app.settings import Settings
from tests.claiming import work as work_all

AMAZON = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "test") | {
    "AWS_DEFAULT_REGION": "ap-northeast-2"
}


@dataclass
class MailServer:
    """A mail server. What it says to a recipient is told by the recipient: `busy@…`, `gone@…`."""

    received: list[EmailMessage] = field(default_factory=list)
    connections: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    # The names and the arguments are aiosmtpd's, which counts those of the first.
    async def handle_EHLO(  # noqa: N802
        self, _server: SMTP, session: Any, _envelope: Any, hostname: str, lines: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return lines

    async def handle_RCPT(self, *arguments: Any) -> str:  # noqa: N802
        server, _, envelope, address, _ = arguments
        if address.startswith("gone@"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("hangs-up@"):
            server.transport.close()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, *arguments: Any) -> str:  # noqa: N802
        server, _, envelope = arguments
        (recipient,) = envelope.rcpt_tos
        if recipient.startswith("busy@"):
            return "451 4.3.0 try again later"
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.received.append(message)
        self.reached.set()
        await self.gate.wait()
        if recipient.startswith("silent@"):
            server.transport.close()
        return "250 2.0.0 taken"


@pytest.fixture
async def mail_server(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> AsyncIterator[MailServer]:
    """A server on this machine, that jobs send to."""
    handler = MailServer()
    make = functools.partial(SMTP, handler, hostname="localhost", enable_SMTPUTF8=False)
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    monkeypatch.setenv("SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("SMTP_PORT", str(server.sockets[0].getsockname()[1]))
    monkeypatch.setenv("SMTP_ENCRYPTION", "none")
    monkeypatch.setenv("MAIL_FROM", "Shop <shop@example.com>")
    configure(settings)
    yield handler
    server.close()
    await server.wait_closed()


Work = Callable[[], Awaitable[int]]


@pytest.fixture
def work(database: Database) -> Work:
    """Do every job that is due, one attempt each; return how many there were."""

    return functools.partial(work_all, database)


@dataclass
class Provider:
    """Somebody who sends text messages: answers every request with `answer`."""

    answer: tuple[int, str] = (201, '{"sid": "SM1"}')
    headers: str = ""
    delay: float = 0.0
    requests: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request, and answer it."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            int(line.partition(":")[2])
            for line in head.splitlines()
            if line.lower().startswith("content-length:")
        )
        self.requests.append(head + (await reader.readexactly(length)).decode())
        await asyncio.sleep(self.delay)
        status, body = self.answer
        if status:
            writer.write(
                f"HTTP/1.1 {status} so\r\n{self.headers}Content-Length: {len(body)}\r\n"
                f"Connection: close\r\n\r\n{body}".encode()
            )
            await writer.drain()
        writer.close()


@pytest.fixture
async def provider(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> AsyncIterator[Provider]:
    """A provider on this machine, that jobs send text messages to; as Amazon's it is SNS."""
    provider = Provider()
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    monkeypatch.setenv("SMS_PROVIDER", "http")
    monkeypatch.setenv("SMS_URL", f"{url}/messages")
    monkeypatch.setenv("SMS_SENDER", "Shop")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", url)
    for name, value in AMAZON.items():
        monkeypatch.setenv(name, value)
    configure(settings)
    yield provider
    server.close()
    await server.wait_closed()
