"""Which addresses requests may go to: those of the public internet, and those that are allowed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network

import httpx

Address = IPv4Address | IPv6Address

# What is public by its number, and is not: the host that runs Azure's machines; the addresses of
# protocols, where Oracle's cloud has its metadata; relays of 6to4.
NOT_PUBLIC = tuple(map(ip_network, ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24")))
# The only part of IPv6 from which public addresses are given out (RFC 4291, 2.4).
UNICAST = IPv6Network("2000::/3")
# Behind these a translator finds an IPv4 address in the last four bytes (RFC 6052, RFC 8215).
NAT64 = IPv6Network("64:ff9b::/96")

LAST_PORT = 65535
# A name as DNS has it (RFC 1123; the underscore is seen too), or an address.
_HOST = re.compile(rb"[a-zA-Z0-9._-]+|[0-9a-fA-F:.]+")


class NotPublic(Exception):
    """Nothing was sent, because it would not have gone to the public internet; says why."""


@dataclass(frozen=True)
class Rules:
    """Where requests may go besides the public internet, and whether they may be unencrypted.

    `allowed` are names of hosts, addresses and networks: "receiver.internal", "10.1.0.0/16".
    """

    allowed: tuple[str, ...] = ()
    http: bool = False

    @classmethod
    def read(cls, allowed: str, *, http: bool = False) -> Rules:
        """Read what is separated by commas; raises ValueError for a network that is none."""
        found = tuple(filter(None, (each.strip().lower() for each in allowed.split(","))))
        for each in found:
            if "/" in each:
                ip_network(each)
        return cls(found, http)

    def allow(self, host: str, address: Address) -> bool:
        """Whether somebody who set up this process wants it to reach this address."""
        if host in self.allowed or str(address) in self.allowed:
            return True
        return any(address in ip_network(each) for each in self.allowed if "/" in each)


def parsed(text: str) -> httpx.URL:
    """Read a URL; raises NotPublic for what is wrong with it, whatever its host is found to be."""
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        raise NotPublic(f"it is no URL: {error}") from error
    require_usual(url)
    return url


def require_usual(url: httpx.URL) -> None:
    """Raise NotPublic for a URL that nobody needs who means well."""
    if url.scheme not in ("http", "https"):
        raise NotPublic(f"it starts with {url.scheme or 'nothing'}, and not https")
    if url.userinfo:
        raise NotPublic("it has a username or a password in it")
    if not _HOST.fullmatch(url.raw_host):
        raise NotPublic("it names no host, or one that is written in an odd way")
    if url.port is not None and not 0 < url.port <= LAST_PORT:
        raise NotPublic(f"{url.port} is no port")
    if _is_odd_number(url.host):
        raise NotPublic(f"{url.host} is an address that is not written as one")


def _is_odd_number(host: str) -> bool:
    """Whether it would be read as an IPv4 address, and is not written as a.b.c.d is.

    2130706433, 0x7f.1 and 0177.0.0.1 are all 127.0.0.1 to most resolvers. No name of the internet
    ends so (WHATWG URL, "ends in a number").
    """
    last = host.rstrip(".").rpartition(".")[2].lower()
    if ":" in host or not (last.isdecimal() or last.startswith("0x")):
        return False
    try:
        return str(IPv4Address(host)) != host
    except ValueError:
        return True


def is_public(address: Address) -> bool:
    """Whether it is an address of the public internet, and none that hides another."""
    return all(map(_is_plainly_public, (address, *_hidden_in(address))))


def _is_plainly_public(address: Address) -> bool:
    if address in NAT64:
        return True  # as public as what it hides
    if isinstance(address, IPv6Address) and address not in UNICAST:
        return False
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in each for each in NOT_PUBLIC)
    )


def _hidden_in(address: Address) -> Sequence[IPv4Address]:
    """Return the IPv4 addresses that tunnels and translators make of an IPv6 address."""
    if isinstance(address, IPv4Address):
        return ()
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in NAT64:
        found.append(IPv4Address(address.packed[-4:]))
    return [each for each in found if each is not None]
