"""Requests to addresses that others have given us: only to the public internet, and as checked.

Whoever may name a URL could have this process ask what only it can reach: the database's host, a
cloud's metadata. So a host is resolved once, each of its addresses must be public, and the
connection goes to one that was checked: what the name says a moment later changes nothing.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from threading import Thread

import httpx

from app.features.webhooks.public_addresses import (
    Address,
    NotPublic,
    Rules,
    is_public,
    parsed,
    require_usual,
)
from app.features.webhooks.settings import rules
from app.settings import Settings

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

MOST_REDIRECTS = 3
MOST_ADDRESSES = 4
# So many are asked for at once.
MOST_NAMES = 100
CONNECT = timedelta(seconds=5)
# A compressed answer could be a thousand times as large as what is read of it.
HEADERS = {"Accept-Encoding": "identity"}
# It writes down every URL at INFO, and some are as good as a password.
logging.getLogger("httpx").setLevel(logging.WARNING)


class TooLarge(Exception):
    """The answer is larger than its reader takes."""


_asked: dict[tuple[str, int], Future[Sequence[str]]] = {}


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of a host, the best first; raises OSError.

    By one thread a name, which goes on when nobody waits any more: one that stalls takes none from
    other names, nor from what else needs threads.
    """
    if (asked := _asked.get((host, port))) is None:
        if len(_asked) >= MOST_NAMES:
            raise OSError("too many other names are being asked for")
        asked = _asked[host, port] = Future()
        asked.set_running_or_notify_cancel()
        try:
            Thread(target=_ask, args=(host, port, asked), daemon=True).start()
        except RuntimeError as error:
            del _asked[host, port]
            raise OSError(str(error)) from error
    return await asyncio.wrap_future(asked)


def _ask(host: str, port: int, asked: Future[Sequence[str]]) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(each[4][0]) for each in found]
    except Exception as error:  # noqa: BLE001 - it is raised where somebody waits
        del _asked[host, port]
        asked.set_exception(error)
    else:
        del _asked[host, port]
        asked.set_result(addresses)


async def checked(url: httpx.URL, rules: Rules, resolve: Resolve = resolve) -> Sequence[Address]:
    """Return the addresses that a request to `url` may be sent to; raises NotPublic."""
    require_usual(url)
    host = url.raw_host.decode("ascii").lower()
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        found = list(dict.fromkeys(map(ip_address, await resolve(host, port))))
    except (OSError, ValueError) as error:
        raise httpx.ConnectError(f"{host} has no address: {error}") from error
    allowed = all(rules.allow(host, each) for each in found)
    for each in found:
        if not allowed and not is_public(each):
            raise NotPublic(f"{host} is {each}, which is no address of the public internet")
    if url.scheme == "http" and not (rules.http or allowed):
        raise NotPublic("it starts with http, and what is sent would be there for all to read")
    return found[:MOST_ADDRESSES]


# Whom to believe is read from files, which takes longer than a request.
_certificates = functools.cache(httpx.create_ssl_context)


class PublicTransport(httpx.AsyncBaseTransport):
    """Sends a request to an address that was checked, under the name that it was written with."""

    def __init__(self, rules: Rules, resolve: Resolve = resolve, connections: int = 20) -> None:
        """Keep no connection: one of a shared address would be taken for another name's."""
        self._rules = rules
        self._resolve = resolve
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=0)
        self._inner = httpx.AsyncHTTPTransport(
            verify=_certificates(), trust_env=False, limits=limits
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it; raises NotPublic, and what httpx raises."""
        failed: httpx.TransportError = httpx.ConnectError(f"{request.url.host} has no address")
        for address in await checked(request.url, self._rules, self._resolve):
            try:
                return await self._inner.handle_async_request(_pinned(request, address))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failed = error
        raise failed

    async def aclose(self) -> None:
        await self._inner.aclose()


def _pinned(request: httpx.Request, address: Address) -> httpx.Request:
    """The same request, to this address: Host and certificate stay those of the URL's name."""
    name = request.url.raw_host.decode("ascii")
    return httpx.Request(
        request.method,
        request.url.copy_with(host=str(address)),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": name},
    )


@dataclass(frozen=True)
class Answer:
    """What came back: `body` is all of it, or what was to be read of it."""

    status: int
    headers: httpx.Headers
    body: bytes


def public_http(settings: Settings, within: timedelta) -> PublicHttp:
    """Return a client by these settings; in production it sends nothing unencrypted."""
    return PublicHttp(PublicTransport(rules(settings)), within)


class PublicHttp:
    """A client for such requests: `within` is how long a whole exchange may take."""

    def __init__(self, transport: PublicTransport, within: timedelta) -> None:
        self._within = within.total_seconds()
        self._client = httpx.AsyncClient(
            transport=transport,
            headers=HEADERS,
            timeout=httpx.Timeout(self._within, connect=min(CONNECT, within).total_seconds()),
            max_redirects=MOST_REDIRECTS,
            trust_env=False,
        )

    async def fetch(self, url: str, *, most_bytes: int) -> Answer:
        """Get a file, through a few redirects, each checked; raises TooLarge for a larger one."""
        request = self._client.build_request("GET", parsed(url))
        async with self._exchange(request, follow=True) as response:
            body = await _beginning(response, most_bytes + 1)
            if len(body) > most_bytes:
                raise TooLarge(f"it is larger than {most_bytes} bytes")
            return Answer(response.status_code, response.headers, body)

    async def post(
        self, url: str, content: bytes, headers: Mapping[str, str], *, most_bytes: int
    ) -> Answer:
        """Post `content`, and read no more than so many bytes of what is answered."""
        request = self._client.build_request("POST", parsed(url), content=content, headers=headers)
        async with self._exchange(request, follow=False) as response:
            body = await _beginning(response, most_bytes)
            return Answer(response.status_code, response.headers, body)

    @asynccontextmanager
    async def _exchange(
        self, request: httpx.Request, *, follow: bool
    ) -> AsyncIterator[httpx.Response]:
        """Yield the answer; raises httpx's errors, of which ReadTimeout is for all that is slow."""
        try:
            async with asyncio.timeout(self._within):
                response = await self._client.send(request, stream=True, follow_redirects=follow)
                try:
                    yield response
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise httpx.ReadTimeout(f"not answered within {self._within:.0f} seconds") from error

    async def aclose(self) -> None:
        await self._client.aclose()


async def _beginning(response: httpx.Response, most_bytes: int) -> bytes:
    read = bytearray()
    async for each in response.aiter_raw():
        read += each
        if len(read) >= most_bytes:
            break
    return bytes(read[:most_bytes])
