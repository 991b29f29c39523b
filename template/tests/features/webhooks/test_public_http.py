"""Requests go to the public internet, to the address that was checked, and nowhere else."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Sequence
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

import httpx
import pytest

from app.features.webhooks import public_http as public_http_module
from app.features.webhooks.public_addresses import NotPublic, Rules, is_public, parsed
from app.features.webhooks.public_http import (
    PublicHttp,
    PublicTransport,
    Resolve,
    TooLarge,
    public_http,
    resolve,
)
from app.settings import Settings
from tests.features.webhooks.receiver import answer, receiving

pytestmark = pytest.mark.anyio

LOCAL = Rules(("127.0.0.0/8",), http=True)
SOON = timedelta(seconds=5)
# The second part is the same, written as only resolvers read it, and public ones that are written
# so; the third has IPv4 inside IPv6: mapped, compatible, translated, 6to4, Teredo.
PRIVATE = """
    127.0.0.1 localhost 0.0.0.0 0 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1
    100.100.100.200 192.0.0.192 168.63.129.16 224.0.0.1 255.255.255.255 198.18.0.1 192.0.2.1
    240.0.0.1 [::1] [::] [fe80::1] [fc00::1] [fd00:ec2::254] [ff02::1] [2001:db8::1]

    2130706433 0x7f000001 0x7f.1 0177.0.0.1 127.1 127.0.1 017700000001 134744072 0x08080808
    8.8.2056 010.8.8.8 127.0.0.1. 8.8.8.8.

    [::ffff:10.0.0.1] [::ffff:8.8.8.8] [::127.0.0.1] [64:ff9b::127.0.0.1] [64:ff9b::a9fe:a9fe]
    [64:ff9b:1::1] [2002:7f00:1::] [2001:0:7f00:1::]
"""


class Names:
    """A resolver: each question gets the next answer, and the last one from then on."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def client(rules: Rules = LOCAL, names: Resolve = resolve, within: timedelta = SOON) -> PublicHttp:
    return PublicHttp(PublicTransport(rules, names), within)


@pytest.mark.parametrize("host", PRIVATE.split())
async def test_what_is_not_public_is_refused_however_it_is_written(host: str) -> None:
    with pytest.raises(NotPublic):
        await client(Rules()).post(f"https://{host}/", b"", {}, most_bytes=1)


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "//example.com/"),
        *("https://ada:swordfish@example.com/", "https://ada@example.com/", "https:///hooks", ""),
        *("https://exa mple.com/", "https://[::1/", "https://example.com:99999/", "x"),
        "https://a\n.b/",
    ],
)
async def test_a_url_that_nobody_needs_is_refused(url: str) -> None:
    with pytest.raises(NotPublic):
        parsed(url)


async def test_unencrypted_requests_go_nowhere_where_somebody_is_served() -> None:
    with pytest.raises(NotPublic, match="starts with http,"):
        await client(Rules(), Names(["8.8.8.8"])).fetch("http://example.com/", most_bytes=1)


async def test_public_addresses_are_public() -> None:
    for each in ("8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808"):
        assert is_public(ip_address(each))


async def test_one_private_address_among_public_ones_is_enough() -> None:
    names = Names(["8.8.8.8", "10.0.0.1"])
    with pytest.raises(NotPublic, match=r"10\.0\.0\.1"):
        await client(Rules(), names).fetch("https://example.com/", most_bytes=1)


async def test_a_name_that_changes_its_mind_is_asked_once() -> None:
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    async with receiving() as receiver:
        url = f"http://receiver.example:{receiver.port}/hooks?x=1"
        assert (await client(LOCAL, names).post(url, b"{}", {}, most_bytes=9)).status == 204
        assert names.asked == [("receiver.example", receiver.port)]
        assert receiver.received[0].line == "POST /hooks?x=1 HTTP/1.1"
        assert receiver.received[0].headers["host"] == f"receiver.example:{receiver.port}"
        # Each request is checked anew, and none goes over what an earlier one has opened.
        with pytest.raises(NotPublic):
            await client(LOCAL, names).post(url, b"{}", {}, most_bytes=9)


async def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    async with receiving() as receiver:
        url = f"http://receiver.example:{receiver.port}/"
        names = Names(["127.0.0.9", "127.0.0.1"])
        assert (await client(LOCAL, names).post(url, b"{}", {}, most_bytes=9)).status == 204


async def test_the_certificate_is_asked_for_by_the_name() -> None:
    hellos: list[bytes] = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hellos.append(await reader.read(2000))
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    url = f"https://receiver.example:{server.sockets[0].getsockname()[1]}/"
    with pytest.raises(httpx.ConnectError):
        await client(LOCAL, Names(["127.0.0.1"])).post(url, b"{}", {}, most_bytes=9)
    assert b"receiver.example" in hellos[0]
    server.close()


async def test_a_redirect_is_a_request_like_any_other() -> None:
    async with receiving() as receiver:
        receiver.answers = [answer(302, "Location: /there"), answer(200, body="here it is")]
        assert (await client().fetch(receiver.url, most_bytes=10)).body == b"here it is"
        for private in ("http://169.254.169.254/", "http://[::ffff:10.0.0.1]/", "http://0x7f.1/"):
            receiver.answers = [answer(302, f"Location: {private}")]
            with pytest.raises(NotPublic):
                await client().fetch(receiver.url, most_bytes=10)
        receiver.usual = answer(302, "Location: /again")
        with pytest.raises(httpx.TooManyRedirects):
            await client().fetch(receiver.url, most_bytes=10)
        assert (await client().post(receiver.url, b"", {}, most_bytes=10)).status == 302


async def test_no_more_is_read_than_is_wanted() -> None:
    async with receiving() as receiver:
        receiver.usual = answer(200, body="x" * 100_000)
        with pytest.raises(TooLarge):
            await client().fetch(receiver.url, most_bytes=10)
        assert (await client().post(receiver.url, b"", {}, most_bytes=10)).body == b"x" * 10


async def test_a_whole_exchange_has_a_limit(settings: Settings) -> None:
    async with receiving() as receiver:
        receiver.gate.clear()
        with pytest.raises(httpx.ReadTimeout):
            await client(within=timedelta(seconds=0.05)).fetch(receiver.url, most_bytes=10)

    async def never(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(10)
        return [host, str(port)]

    with pytest.raises(httpx.ReadTimeout):
        await client(names=never, within=timedelta(seconds=0.05)).fetch("http://x/", most_bytes=1)
    with pytest.raises(NotPublic):
        await public_http(settings, SOON).fetch("http://127.0.0.1/", most_bytes=1)


async def test_a_name_that_stalls_takes_one_thread_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free, asked, real = threading.Event(), [], socket.getaddrinfo

    def slow(host: str, *rest: Any, **more: Any) -> object:
        asked.append(host)
        if host.startswith("tarpit"):
            free.wait(5)
        return real("127.0.0.1", *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    monkeypatch.setattr(public_http_module, "MOST_NAMES", 41)
    soon = client(within=timedelta(seconds=0.1))
    stalled = (
        soon.fetch(f"http://tarpit{each}.example/", most_bytes=1) for each in [*range(40)] * 2
    )
    async with receiving() as receiver:
        url = f"http://well.example:{receiver.port}/"
        waiting = asyncio.gather(*stalled, return_exceptions=True)
        assert (await client().fetch(url, most_bytes=1)).status == 204
        assert {type(each) for each in await waiting} == {httpx.ReadTimeout}
        # Whoever waited is gone, and the names are still asked for, once each.
        assert len(asked) == 41
        monkeypatch.setattr(public_http_module, "MOST_NAMES", 40)
        with pytest.raises(httpx.ConnectError, match="too many"):
            await client().fetch(url, most_bytes=1)
        free.set()
        await asyncio.gather(*(resolve(f"tarpit{each}.example", 80) for each in range(40)))
        assert (await client().fetch(url, most_bytes=1)).status == 204


async def test_a_host_or_a_network_is_allowed_by_setting(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving() as receiver:
        for allowed in ("127.0.0.1", "10.0.0.0/8, 127.0.0.0/24"):
            monkeypatch.setenv("WEBHOOKS_ALLOWED_HOSTS", allowed)
            fetched = await public_http(settings, SOON).fetch(receiver.url, most_bytes=1)
            assert fetched.status == 204
    monkeypatch.setenv("WEBHOOKS_ALLOWED_HOSTS", "10.0.0.1/8")
    with pytest.raises(ValueError, match="host bits"):
        public_http(settings, SOON)
