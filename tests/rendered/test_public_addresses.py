"""No URL, however it is written, leads a request to an address that is not public.

What resolvers make of a host is asked of the system's own; what is public, of a list of networks
that shares nothing with the code. The guard is the template's file as it is.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from types import ModuleType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT

pytestmark = pytest.mark.cases

CASES = int(os.environ.get("HEADSTART_CASES", "300"))
# IANA's registries of special addresses, and where clouds have their metadata.
SPECIAL = """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24
    192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24
    224.0.0.0/4 240.0.0.0/4 168.63.129.16/32
"""
NOT_PUBLIC = [ip_network(each) for each in SPECIAL.split()]


def loaded(name: str) -> ModuleType:
    path = ROOT / f"template/app/features/webhooks/{name}.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by its name.
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


guard = loaded("public_addresses")
schedule = loaded("outgoing/schedule")


def numbers(host: str) -> list[IPv4Address | IPv6Address]:
    """What the system's resolver reads in a host without asking anybody."""
    try:
        found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, ValueError):
        return []
    return [ip_address(each[4][0]) for each in found]


def is_special(number: int) -> bool:
    return any(IPv4Address(number) in each for each in NOT_PUBLIC)


INSIDE = st.sampled_from(NOT_PUBLIC).flatmap(
    lambda each: st.integers(int(each.network_address), int(each.broadcast_address))
)
DIGITS = st.sampled_from(["{}", "0{:o}", "0x{:x}", "0X{:X}", "{:03}", "00{:o}"])


@st.composite
def written(draw: st.DrawFn, number: int) -> str:
    """An IPv4 address as `inet_aton` reads it: one to four parts, each in any base."""
    parts = draw(st.integers(1, 4))
    high = [number >> 8 * (3 - place) & 0xFF for place in range(parts - 1)]
    low = number & ((1 << 8 * (5 - parts)) - 1)
    told = [draw(DIGITS).format(each) for each in (*high, low)]
    return ".".join(told) + draw(st.sampled_from(["", "."]))


def hidden(number: int) -> list[str]:
    """IPv6 addresses behind which a network may find this IPv4 address."""
    high, low = number >> 16, number & 0xFFFF
    client = number ^ 0xFFFFFFFF
    return [
        f"::ffff:{IPv4Address(number)}",
        f"::ffff:{high:x}:{low:x}",
        f"::{high:x}:{low:x}",
        f"64:ff9b::{high:x}:{low:x}",
        f"2002:{high:x}:{low:x}::1",
        f"2001:0:808:808:0:0:{client >> 16:x}:{client & 0xFFFF:x}",
    ]


def is_let_through(host: str) -> bool:
    """Whether a request to that host would be sent, as far as no name has to be looked up."""
    try:
        url = guard.parsed(f"https://{host}/")
    except guard.NotPublic:
        return False
    found = numbers(url.raw_host.decode())
    return bool(found) and all(map(guard.is_public, found))


@settings(max_examples=CASES, deadline=None)
@given(data=st.data(), number=INSIDE)
def test_no_way_to_write_a_private_address_passes(data: st.DataObject, number: int) -> None:
    assert not is_let_through(str(IPv4Address(number)))
    assert not is_let_through(data.draw(written(number)))
    for each in hidden(number):
        assert not is_let_through(f"[{each}]"), each


@settings(max_examples=CASES, deadline=None)
@given(number=st.integers(0, 2**32 - 1))
def test_what_is_public_passes_and_only_that(number: int) -> None:
    plain = str(IPv4Address(number))
    assert is_let_through(plain) != is_special(number)
    assert is_let_through(f"[64:ff9b::{plain}]") != is_special(number)


@settings(max_examples=CASES, deadline=None)
@given(number=st.integers(0, 2**128 - 1).map(IPv6Address))
@example(IPv6Address("fe80::1"))
@example(IPv6Address("fd00:ec2::254"))
@example(IPv6Address("2606:4700:4700::1111"))
def test_an_ipv6_address_passes_only_from_what_is_given_out(number: IPv6Address) -> None:
    given_out = number in ip_network("2000::/3") or number in ip_network("64:ff9b::/96")
    assert given_out or not is_let_through(f"[{number}]")


HOSTS = st.text(
    st.sampled_from("0123456789abcdefxX.:[]%@/\\?# -_~\t\n\u3002\uff0e\uff11\u2460"), max_size=30
)


@settings(max_examples=CASES, deadline=None)
@given(text=st.one_of(st.text(max_size=50), HOSTS.map("https://{}/".format)))
@example("https://127\u30020\u30020\u30021/")
@example("https://\uff11\uff12\uff17.0.0.1/")
@example("https://127.0.0.1%2f@example.com/")
@example("https://example.com\\@127.0.0.1/")
@example("https://[::1%25lo]/")
@example("https://[fe80::1%25eth0]/")
def test_any_text_is_a_url_that_leads_outside_or_is_refused(text: str) -> None:
    try:
        url = guard.parsed(text)
    except guard.NotPublic:
        return
    assert url.scheme in ("http", "https")
    assert not url.userinfo
    for address in numbers(url.raw_host.decode()):
        # What is not refused as it is written is what it looks like.
        assert str(address) == url.raw_host.decode() or isinstance(address, IPv6Address)


@settings(max_examples=CASES, deadline=None)
@given(status=st.sampled_from([429, 503]), text=st.text(max_size=40))
@example(429, "9" * 5000)
@example(503, "Fri, 31 Dec 9999 23:59:59 -2359")
@example(503, "Mon, 01 Jan 0001 00:00:00 +2359")
def test_any_retry_after_is_a_bounded_time_or_nothing(status: int, text: str) -> None:
    now = schedule.datetime(2026, 11, 30, tzinfo=schedule.UTC)
    found = schedule.retry_after(status, text, now)
    assert found is None or schedule.timedelta(0) <= found <= schedule.LONGEST_RETRY_AFTER
