"""The ports that a project states in `.env`: are they free here, and which are the next ones?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from bootstrap.files import text_of
from bootstrap.machine.facts import docker, ports, services
from bootstrap.machine.facts.dotenv import assignments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bootstrap.machine.pins import Pins

# A URL names the port of its service, and so what is expected to listen there.
_IN_URL = re.compile(rf"\b({'|'.join(services.KINDS)})(?:\+\w+)?://[^\s'\"]*:\$\{{(\w+)")
_LOCALHOST = "127.0.0.1"


class MovedPort(NamedTuple):
    """A port of `.env` or its example that is another one here."""

    name: str
    stated: int
    port: int

    @property
    def line(self) -> str:
        return f"{self.name}={self.port}"


def moved_ports(pins: Pins, text: str) -> tuple[MovedPort, ...]:
    """Where the ports in the text of a dotenv file should be, if some are taken.

    Those that the project's own programs listen on move together, and so do those of the services.
    Where the service itself responds, its port is not taken: it is what the project asks for.
    """
    stated = {
        name: int(value)
        for name, value in assignments(text).items()
        if (name == "PORT" or name.endswith("_PORT")) and value.isdecimal()
    }
    kinds = {name: kind for kind, name in _IN_URL.findall(text)}
    of_services = kinds.keys() | _named_by_compose(pins)

    def is_taken(name: str, port: int) -> bool:
        if kind := kinds.get(name):
            found = services.greet(kind, _LOCALHOST, port)
            return found.state is services.ServiceState.FOREIGN
        return ports.is_taken(port)

    served = {name: port for name, port in stated.items() if name in of_services}
    own = {name: port for name, port in stated.items() if name not in of_services}
    free: Mapping[str, int] = {
        **ports.free_set(own, is_taken),
        **ports.free_set(served, is_taken),
    }
    return tuple(
        MovedPort(name, port, free[name]) for name, port in stated.items() if free[name] != port
    )


def _named_by_compose(pins: Pins) -> set[str]:
    file = docker.compose_file(pins.root)
    return set(re.findall(r"\$\{(\w+)", text_of(pins.root / file))) if file else set()
