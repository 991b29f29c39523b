"""Redis and databases: found, or started; the database made where it is not there."""

from __future__ import annotations

import os
import shlex
import shutil
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from bootstrap.errors import HeadstartError, Refused
from bootstrap.files import text_of
from bootstrap.language import Said, joined
from bootstrap.machine.facts.platform import brew_command, homebrew, is_installed
from bootstrap.machine.facts.services import ServicesFact, answers, stamp
from bootstrap.machine.facts.shell import CLIENTS, unlinked
from bootstrap.machine.runner import clean_environment
from bootstrap.machine.steps.step import Finding, Step, StepName
from bootstrap.machine.steps.tools import install, install_command
from bootstrap.processes import probe

if TYPE_CHECKING:
    from bootstrap.machine.facts import Facts
    from bootstrap.machine.facts.services import Service
    from bootstrap.machine.pins import Pins
    from bootstrap.machine.steps.step import StepContext

_SECONDS = 60.0


# What serves each kind; where none of them is installed, the first will be.
_FORMULAE = {
    "redis": ("redis", "valkey"),
    "mysql": ("mysql", "mysql@8.4", "mysql@8.0", "mariadb"),
    "mariadb": ("mariadb", "mysql"),
    "postgresql": ("postgresql@17", "postgresql@18", "postgresql@16", "postgresql@15"),
}


class ServicesStep(Step):
    name = StepName("services")
    title = Said("Services")

    def needed(self, pins: Pins, facts: Facts) -> str | None:  # noqa: ARG002
        reasons = [each.shown for each in facts.services.taken]
        reasons += [
            Said("{shown} does not respond", shown=each.shown) for each in facts.services.silent
        ]
        reasons += [
            Said(
                "the database {database} on {shown} may not be there",
                database=each.database,
                shown=each.shown,
            )
            for each in facts.services.without_database
            if each not in _unusable(facts.services)
        ]
        return joined(reasons, ", ") or None

    def expect(self, pins: Pins, facts: Facts) -> Facts:  # noqa: ARG002
        return replace(facts, services=ServicesFact())

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:  # noqa: ARG002
        start = start_commands(facts.services)
        taken = {each.service for each in facts.services.taken}
        absent = [each for each in facts.services.without_database if each not in taken]
        make = (shlex.join(_make(each)) for each in absent)
        return tuple(dict.fromkeys((*start, *make)))

    def run(self, context: StepContext) -> str:
        """Start what is silent where that needs no root, and make what databases are missing."""
        pins, fact = context.pins, context.facts.services
        _require_free(pins, fact)
        if fact.silent:
            _start(context, fact)
        for service in fact.without_database:
            _make_database(context, service)
            stamp(pins, service).touch(mode=0o600)
        made = [each.database for each in fact.without_database]
        started = [each.shown for each in fact.silent]
        done = [f"started {', '.join(started)}"] * bool(started)
        return joined(done + [Said("the database {name} is there", name=name) for name in made])

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:  # noqa: ARG002
        silent = (
            Said("{shown} does not respond", shown=each.shown) for each in facts.services.silent
        )
        taken = (each.shown for each in facts.services.taken)
        return tuple(self.broken(problem) for problem in (*taken, *silent))


def start_commands(fact: ServicesFact) -> tuple[str, ...]:
    """How what is silent is started: by compose, by Homebrew, else by a person."""
    return (_automatic(fact) or _by_hand(fact)) if fact.silent else ()


def _automatic(fact: ServicesFact) -> tuple[str, ...]:
    if not all(each.is_local for each in fact.silent):
        return ()
    docker = fact.docker
    if docker and not docker.cause:
        return (
            shlex.join(("docker", "compose", "--file", docker.file, "up", "--detach", "--wait")),
        )
    if homebrew() is None or (docker and docker.installed):
        return ()
    needed, absent = _servers(fact.silent)
    install = (shlex.join(install_command(absent)),) if absent else ()
    brew = shlex.join(brew_command())
    return (
        *install,
        *(f"{brew} services start {name}" for name in needed),
    )


def _by_hand(fact: ServicesFact) -> tuple[str, ...]:
    away = [each.place for each in fact.silent if not each.is_local]
    if away:
        return (
            Said(
                "look why this machine does not reach {away}: address, network, VPN",
                away=", ".join(away),
            ),
        )
    if fact.docker:
        return (fact.docker.repair,)
    return tuple(dict.fromkeys(f"sudo systemctl start {_unit(each.kind)}" for each in fact.silent))


def _unusable(fact: ServicesFact) -> set[Service]:
    return {*fact.silent, *(each.service for each in fact.taken)}


def _require_free(pins: Pins, fact: ServicesFact) -> None:
    """Nothing can be started at an address where something else listens."""
    if fact.taken:
        raise Refused(
            Said("The port of a service is taken."),
            why=tuple(each.shown for each in fact.taken),
            next=(
                Said("stop that program, or {elsewhere}", elsewhere=_elsewhere(pins)),
                "headstart up",
            ),
        )


def _elsewhere(pins: Pins) -> str:
    """The next free ports, where `.env` says them; it is its owner's to change."""
    from bootstrap.machine.facts.port_set import moved_ports  # noqa: PLC0415 - where one is taken

    dotenv = pins.dotenv
    moved = moved_ports(pins, text_of(dotenv.file)) if dotenv else ()
    lines = ", ".join(each.line for each in moved)
    if dotenv and lines:
        return Said(
            "give the project's services the next free ports in {file}: {lines}",
            file=pins.shown(dotenv.file),
            lines=lines,
        )
    return Said("give the service another port")


def _unit(kind: str) -> str:
    return "redis-server" if kind == "redis" else kind


def _start(context: StepContext, fact: ServicesFact) -> None:
    silent, commands = fact.silent, _automatic(fact)
    if not commands:
        silence = tuple(Said("{shown} does not respond", shown=each.shown) for each in silent)
        cause = (f"{fact.docker.cause}.",) if fact.docker and fact.docker.cause else ()
        repair = (*_by_hand(fact), "headstart up")
        raise Refused(Said("A service is not running."), why=silence + cause, next=repair)
    for command in commands:
        words, begins = tuple(shlex.split(command)), install_command(())
        if words[: len(begins)] == begins:
            install(context, words[len(begins) :])
        else:
            context.run(words)
    deadline = time.monotonic() + _SECONDS
    while still := [each.shown for each in silent if not answers(each)]:
        if time.monotonic() > deadline:
            raise HeadstartError(
                Said("Started, but not responding: {names}.", names=", ".join(still)),
                next=("docker compose logs",),
            )
        time.sleep(0.2)


def _servers(silent: tuple[Service, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The formulae that serve them, and those of these that are not installed."""
    prefix = homebrew()
    needed: dict[str, bool] = {}
    for each in silent:
        offered = _FORMULAE[each.kind]
        there = (name for name in offered if prefix is None or is_installed(prefix, name))
        found = next(there, None)
        needed[found or offered[0]] = found is not None
    return tuple(needed), tuple(name for name, installed in needed.items() if not installed)


def _make_database(context: StepContext, service: Service) -> None:
    """Never more than CREATE DATABASE; a password goes by a variable, which no log keeps."""
    secret = {"MYSQL_PWD": service.password, "PGPASSWORD": service.password}
    environ = clean_environment(os.environ, context.pins) | (secret if service.password else {})
    argv = _make(service)
    if service.kind == "postgresql":
        # Its name is a plain one, by toolchain.yml's rules.
        query = f"SELECT 1 FROM pg_database WHERE datname = '{service.database}'"  # noqa: S608
        there = probe((*argv[:-1], query), environ=environ)
        if there.code == 0 and "1" in there.output.split():
            return
    context.runner.run(argv, environ=environ)


def _make(service: Service) -> tuple[str, ...]:
    client = _client(service.kind)
    where = ("--host", service.host, "--port", str(service.port))
    if service.kind == "postgresql":
        user = ("--username", service.user) if service.user else ()
        statement = f'CREATE DATABASE "{service.database}"'
        return (client, *where, *user, "--dbname", "postgres", "-At", "--command", statement)
    user = ("--user", service.user) if service.user else ()
    statement = f"CREATE DATABASE IF NOT EXISTS `{service.database}`"
    return (client, *where, *user, "--protocol", "tcp", "--execute", statement)


def _client(kind: str) -> str:
    """On PATH, or in the formulae that Homebrew does not link."""
    names = CLIENTS[kind][0]
    if found := next((name for name in names if shutil.which(name)), None):
        return found
    programs = (folder / name for folder in unlinked(kind) for name in names)
    return next((str(at) for at in programs if os.access(at, os.X_OK)), names[0])
