"""Do the services that the project pins answer, and are its databases made?"""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from bootstrap import state

if TYPE_CHECKING:
    from pathlib import Path

    from bootstrap.machine.pins import Pins

_PORTS = {"redis": 6379, "mysql": 3306, "mariadb": 3306, "postgresql": 5432}
_PATIENCE = 0.5


@dataclass(frozen=True)
class Service:
    """One pinned service; `database` is empty where there is none to make."""

    kind: str
    host: str
    port: int
    user: str
    password: str
    database: str

    @property
    def shown(self) -> str:
        return f"{self.kind} on {self.host}:{self.port}"


@dataclass(frozen=True)
class ServicesFact:
    silent: tuple[Service, ...] = ()
    without_database: tuple[Service, ...] = ()


def look(pins: Pins, *, gone: bool) -> ServicesFact:
    """A connection for each; whether a database is made is remembered, a client would cost more.

    What is remembered does not count where a database is known to be `gone`.
    """
    services = tuple(service_of(url) for url in pins.services)
    silent = tuple(each for each in services if not answers(each))
    with_database = (each for each in services if each.database)
    unmade = tuple(each for each in with_database if gone or not stamp(pins, each).exists())
    return ServicesFact(silent, unmade)


def service_of(url: str) -> Service:
    parts = urlsplit(url)
    kind = parts.scheme.partition("+")[0]
    database = "" if kind == "redis" else parts.path.strip("/")
    return Service(
        kind=kind,
        host=parts.hostname or "127.0.0.1",
        port=parts.port or _PORTS[kind],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=database,
    )


def answers(service: Service) -> bool:
    with (
        suppress(OSError),
        socket.create_connection((service.host, service.port), timeout=_PATIENCE),
    ):
        return True
    return False


def stamp(pins: Pins, service: Service) -> Path:
    """A file that says the database was made; which one it is, is in its name."""
    named = f"{service.kind}|{service.host}|{service.port}|{service.database}"
    return state.stamp(state.project_state(pins.root), "database", named)
