"""Can Docker start what a compose file describes, and if not, what is the one reason?"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, NamedTuple

from bootstrap.language import Said
from bootstrap.machine.facts.platform import is_macos
from bootstrap.processes import TIMED_OUT, probe

if TYPE_CHECKING:
    from pathlib import Path

    from bootstrap.machine.pins import Pins
    from bootstrap.processes import ProbeResult

_FILES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_MANUAL = "https://docs.docker.com"
_SECONDS = 20


class DockerFact(NamedTuple):
    """`file` describes the services; `cause` and `repair` where Docker cannot start them."""

    file: str
    cause: str = ""
    repair: str = ""
    installed: bool = True


def look(pins: Pins) -> DockerFact | None:
    """Ask Docker, where there is a compose file; None where there is none."""
    file = compose_file(pins.root)
    if file is None:
        return None
    return DockerFact(file, *_hindrance(file), installed=shutil.which("docker") is not None)


def compose_file(root: Path) -> str | None:
    """The name of a project's compose file; None where it has none."""
    return next((name for name in _FILES if (root / name).is_file()), None)


def _hindrance(file: str) -> tuple[str, str]:
    """The cause and its repair; empty where there is none."""
    if shutil.which("docker") is None:
        cause = Said("{file} describes it, and Docker is not installed", file=file)
        return cause, _repair(
            "brew install --cask docker",
            Said("install Docker: {manual}/engine/install", manual=_MANUAL),
        )
    compose = probe(("docker", "compose", "version"), seconds=_SECONDS)
    daemon = compose
    if compose.code == 0:
        daemon = probe(("docker", "version", "--format", "{{.Server.Version}}"), seconds=_SECONDS)
    if daemon.code == TIMED_OUT:
        restart = Said("quit Docker Desktop, then: open -a Docker")
        return Said("Docker does not answer"), _repair(restart, "sudo systemctl restart docker")
    if compose.code:
        manual = Said("install the compose plugin: {manual}/compose/install/linux", manual=_MANUAL)
        return Said("Docker has no compose plugin"), _repair("brew install docker-compose", manual)
    return _of_daemon(daemon)


def _of_daemon(answered: ProbeResult) -> tuple[str, str]:
    if answered.code == 0:
        return "", ""
    if "permission denied" in answered.output:
        return (
            Said("Docker does not let this user in"),
            Said('sudo usermod -aG docker "$USER", and log in again'),
        )
    cause = Said("Docker is installed, and its daemon is not running")
    return cause, _repair("open -a Docker", "sudo systemctl start docker")


def _repair(macos: str, linux: str) -> str:
    return macos if is_macos() else linux
