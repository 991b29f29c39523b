"""Connections that are made to be expensive: they are cut short, and nobody waits for them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import httpx
import pytest

from tests.conftest import nightly_but
from tests.rendered.attacks.others import others_served
from tests.rendered.processes import Backend
from tests.waiting import DEADLINE, wait_until

pytestmark = pytest.mark.slow

MEBIBYTE = 2**20
MOST = 100
ATTACKERS = 400
# Requests of others, to which the attackers must do no harm.
ENOUGH = 100
HEAD = b"POST /v1/profiles HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
# What has no end, by its beginning.
ENDLESS = {
    "a header": HEAD + b"X: ",
    "a target": b"GET /",
    "a trailer": CHUNKED + b"1\r\n{\r\n0\r\nX: ",
    "a chunk's extension": CHUNKED + b"1;a=",
    "a second head": b"GET /livez HTTP/1.1\r\nHost: shop\r\n\r\n" + HEAD + b"X: ",
}
SLOW = {
    "nothing": b"",
    "heads": HEAD + b"X: ",
    "lines between": b"\r\n",
    "bodies": HEAD + b"Content-Length: 1000\r\n\r\n{",
    "chunks": CHUNKED + b"1\r\n{",
    "bodies that nobody reads": b"GET /no HTTP/1.1\r\nHost: shop\r\nContent-Length: 1000\r\n\r\n",
}


def connected(client: httpx.Client) -> socket.socket:
    return socket.create_connection((client.base_url.host, client.base_url.port or 0), DEADLINE)


@pytest.mark.parametrize("beginning", ENDLESS.values(), ids=ENDLESS)
def test_what_has_no_end_is_read_no_further(backend: Backend, beginning: bytes) -> None:
    _, client = backend.start_api()
    with others_served(client) as served, connected(client) as attacker:
        assert last_status(attacker, beginning) != 200
        before = len(served)
        wait_until(lambda: len(served) > before, "another one's answer")


def last_status(attacker: socket.socket, beginning: bytes) -> int:
    """Send 80 MB more, as far as somebody listens; return the last status, or 0 without one."""
    answers = b""
    with suppress(ConnectionError):
        attacker.sendall(beginning)
        for _ in range(80):
            attacker.sendall(b"a" * MEBIBYTE)
        attacker.shutdown(socket.SHUT_WR)
        while part := attacker.recv(MEBIBYTE):
            answers += part
    return int(answers.rpartition(b"HTTP/1.1 ")[2][:3] or 0)


@pytest.mark.parametrize("kind", nightly_but("heads", "chunks", of=SLOW))
def test_many_who_are_slow_keep_nobody_out(backend: Backend, kind: str) -> None:
    """Of more than there may be some are closed for those who come, and the others in time."""
    limits = {"REQUEST_HEAD_TIME": "PT3S", "REQUEST_BODY_TIME": "PT3S"}
    _, client = backend.start_api(MAX_CONNECTIONS=str(MOST), **limits)
    with (
        attacking(client, SLOW[kind]) as attackers,
        others_served(client, newcomers=True) as served,
    ):
        wait_until(lambda: trickle(attackers) <= MOST, "room for others")
        wait_until(lambda: not trickle(attackers), "the end of all who are slow")
        wait_until(lambda: len(served) > ENOUGH, "others to be served")
    assert client.get("/readyz").is_success


def test_health_is_told_where_all_connections_are_kept_busy(backend: Backend) -> None:
    _, client = backend.start_api(MAX_CONNECTIONS="10")
    body = HEAD + b"Content-Length: 1000\r\n\r\n{"
    with attacking(client, body) as attackers:
        for _ in range(ENOUGH):
            trickle(attackers)
            assert httpx.get(client.base_url.join("/readyz"), timeout=DEADLINE).is_success


@contextmanager
def attacking(client: httpx.Client, beginning: bytes) -> Iterator[list[socket.socket]]:
    """Connect many times, and begin the same each time; yield the connections."""
    with ExitStack() as opened:
        attackers = [opened.enter_context(connected(client)) for _ in range(ATTACKERS)]
        for attacker in attackers:
            attacker.setblocking(False)
            with suppress(ConnectionError):
                attacker.sendall(beginning)
        yield attackers


def trickle(attackers: list[socket.socket]) -> int:
    """Send a byte on each connection that is still open; return how many are."""
    return sum(map(is_open, attackers))


def is_open(attacker: socket.socket) -> bool:
    try:
        while attacker.recv(MEBIBYTE):
            pass  # an answer, after which it is closed
    except BlockingIOError:
        with suppress(ConnectionError, BlockingIOError):
            attacker.send(b"a")
        return True
    except ConnectionError:
        pass
    return False
