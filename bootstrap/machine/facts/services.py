"""Do the services that the project pins answer, and are its databases made?"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from bootstrap import state
from bootstrap.errors import UsageError
from bootstrap.language import Said
from bootstrap.machine.facts import dotenv, ports

if TYPE_CHECKING:
    from pathlib import Path

    from bootstrap.machine.facts.docker import DockerFact
    from bootstrap.machine.pins import Pins

PORTS = {"redis": 6379, "mysql": 3306, "mariadb": 3306, "postgresql": 5432}
KINDS = tuple(PORTS)
_PLAIN = re.compile(r"[A-Za-z0-9_-]*")
_NAMES = {"redis": "Redis", "mysql": "MySQL", "mariadb": "MariaDB", "postgresql": "PostgreSQL"}
_CONNECT_SECONDS = 0.5
# A busy server may take its time; only what is no such server takes all of this.
_ANSWER_SECONDS = 3.0
# PostgreSQL is asked for TLS, which needs no user and is logged nowhere: a length, and a code.
# https://www.postgresql.org/docs/current/protocol-message-formats.html
_SSL_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")
_GREETINGS = {"redis": b"PING\r\n", "postgresql": _SSL_REQUEST}


class ServiceState(Enum):
    """What was found at a service's address."""

    SILENT = Said("nobody listens, or whoever does hangs up")
    FOREIGN = Said("something listens that is not the service")
    ANSWERS = Said("the service answers")


class Service(NamedTuple):
    """One pinned service; `database` is empty where there is none to make."""

    kind: str
    host: str
    port: int
    user: str
    password: str
    database: str

    @property
    def shown(self) -> str:
        return f"{self.kind} on {self.place}"

    @property
    def is_local(self) -> bool:
        return ports.is_local(self.host)

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"


class Greeting(NamedTuple):
    """What was found at an address; `owner` says who listens there where that is foreign."""

    state: ServiceState
    owner: str = ""


# Asked by kind, host and port: two facts ask about one server, and a cache of it greets that once.
Greet = Callable[[str, str, int], Greeting]


class TakenPort(NamedTuple):
    """A service's address at which something else answers, or nothing that it would say."""

    service: Service
    owner: str

    @property
    def shown(self) -> str:
        name = _NAMES[self.service.kind]
        return Said(
            "{place} is taken by {owner}, which is not {name}",
            place=self.service.place,
            owner=self.owner,
            name=name,
        )


class ServicesFact(NamedTuple):
    """`docker` was looked at where something is silent."""

    silent: tuple[Service, ...] = ()
    without_database: tuple[Service, ...] = ()
    taken: tuple[TakenPort, ...] = ()
    docker: DockerFact | None = None


def look(pins: Pins, greet: Greet, *, gone: bool) -> ServicesFact:
    """A greeting for each; whether a database is made is remembered, a client would cost more.

    What is remembered does not count where a database is known to be `gone`.
    """
    services = tuple(service_of(url) for url in urls(pins))
    states = {each: greet(each.kind, each.host, each.port).state for each in services}
    silent = tuple(each for each in services if states[each] is ServiceState.SILENT)
    # On another machine nothing is made: that is for who runs it.
    with_database = (each for each in services if each.database and each.is_local)
    return ServicesFact(
        silent=silent,
        without_database=tuple(
            each for each in with_database if gone or not stamp(pins, each).exists()
        ),
        taken=tuple(taken for each in services if (taken := taken_by(each, greet))),
        docker=_docker(pins) if silent else None,
    )


def _docker(pins: Pins) -> DockerFact | None:
    from bootstrap.machine.facts import docker  # noqa: PLC0415 - where all services answer: never

    return docker.look(pins)


def urls(pins: Pins) -> tuple[str, ...]:
    """The pinned ones, and those that variables of `.env` hold, where these name such a service."""
    found = (each if "://" in each else dotenv.setting(pins, each) for each in pins.services)
    return tuple(url for url in found if is_served(url))


def is_served(url: str) -> bool:
    """Whether it is the address of such a service: not SQLite's, nor a socket's."""
    return kind_of(url) in KINDS and bool(_split(url).hostname)


def _split(url: str) -> SplitResult:
    """Never tells the URL: it may hold a password."""
    try:
        parts = urlsplit(url)
        is_readable = parts.port != 0 and parts.netloc.count("@") <= 1
    except ValueError:
        is_readable = False
    if not is_readable:
        raise UsageError(
            Said("The URL of a {kind} service cannot be read.", kind=kind_of(url)),
            why=(Said("It is not KIND://USER:PASSWORD@HOST:PORT/DATABASE."),),
            next=(Said("correct it, special characters of a password as %40 and the like"),),
        )
    return parts


def kind_of(url: str) -> str:
    """Without its driver."""
    return url.partition("://")[0].partition("+")[0]


def service_of(url: str) -> Service:
    parts, kind = _split(url), kind_of(url)
    database = "" if kind == "redis" else parts.path.strip("/")
    return Service(
        kind=kind,
        host=parts.hostname or "127.0.0.1",
        port=parts.port or PORTS[kind],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        # Another name is a person's to make: it would have to be quoted, each server in its way.
        database=database if _PLAIN.fullmatch(database) else "",
    )


def taken_by(service: Service, greet: Greet) -> TakenPort | None:
    """What answers at a service's address and is something else; None where there is no such."""
    found = greet(service.kind, service.host, service.port)
    return TakenPort(service, found.owner) if found.state is ServiceState.FOREIGN else None


def greet(kind: str, host: str, port: int) -> Greeting:
    """Greet whoever listens at an address, as that kind of service is greeted."""
    state = _state_at(kind, host, port)
    return Greeting(state, _owner(host, port) if state is ServiceState.FOREIGN else "")


def answers(service: Service) -> bool:
    return state_of(service) is ServiceState.ANSWERS


def state_of(service: Service) -> ServiceState:
    """What one connection and one bounded read find."""
    return _state_at(service.kind, service.host, service.port)


def _state_at(kind: str, host: str, port: int) -> ServiceState:
    import socket  # noqa: PLC0415 - most looks greet nobody

    try:
        connection = socket.create_connection((host, port), timeout=_CONNECT_SECONDS)
    except OSError:
        return ServiceState.SILENT
    with connection:
        connection.settimeout(_ANSWER_SECONDS)
        try:
            connection.sendall(_GREETINGS.get(kind, b""))
            return judge(kind, connection.recv(64))
        except TimeoutError:
            return ServiceState.FOREIGN
        except OSError:
            return ServiceState.SILENT


def judge(kind: str, said: bytes) -> ServiceState:
    """What the first words of whoever listens say about it."""
    if not said:  # as a container's port does, while the server inside starts
        return ServiceState.SILENT
    if kind == "redis":
        speaks = said[:1] in {b"+", b"-"}
    elif kind == "postgresql":
        speaks = said[:1] in {b"S", b"N", b"E"} and (said[:1] == b"E" or len(said) == 1)
    else:
        # A packet of its greeting, or of an error: its length, the number 0, and what it is.
        speaks = said[3:5] in {b"\x00\x0a", b"\x00\xff"}
    return ServiceState.ANSWERS if speaks else ServiceState.FOREIGN


def stamp(pins: Pins, service: Service) -> Path:
    """A file that says the database was made; which one it is, is in its name."""
    named = f"{service.kind}|{service.host}|{service.port}|{service.database}"
    return state.stamp(state.project_state(pins.root), "database", named)


def _owner(host: str, port: int) -> str:
    owner = ports.owner_of(port) if ports.is_local(host) else None
    return owner.shown if owner else Said("another program")
