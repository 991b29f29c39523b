"""Everything observed about the machine for one project; looking never changes anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bootstrap.machine.facts import (
    environment,
    homebrew,
    hooks,
    http_client,
    ide,
    migrations,
    packages,
    pip,
    proof,
    python,
    services,
    shell,
    venv,
)
from bootstrap.machine.facts.homebrew import NO_FORMULAE, HomebrewFact
from bootstrap.machine.facts.hooks import NO_HOOKS, HooksFact
from bootstrap.machine.facts.http_client import NO_HTTP_CLIENT, HttpClientFact
from bootstrap.machine.facts.ide import NO_IDE, IdeFact
from bootstrap.machine.facts.services import NO_SERVICES, ServicesFact
from bootstrap.machine.facts.shell import NO_SHELL, ShellFact
from bootstrap.machine.facts.venv import VenvState

if TYPE_CHECKING:
    from bootstrap.machine.facts.build import BuildFact
    from bootstrap.machine.facts.environment import EnvironmentFact
    from bootstrap.machine.facts.migrations import MigrationsFact
    from bootstrap.machine.facts.packages import PackagesFact
    from bootstrap.machine.facts.pip import PipFact
    from bootstrap.machine.facts.proof import ProofFact
    from bootstrap.machine.facts.python import PythonFact
    from bootstrap.machine.facts.venv import VenvFact
    from bootstrap.machine.pins import Pins


@dataclass(frozen=True)
class Facts:
    """`build` is looked at only where Python has to be built."""

    python: PythonFact
    venv: VenvFact
    pip: PipFact
    packages: PackagesFact
    environment: EnvironmentFact
    migrations: MigrationsFact
    proof: ProofFact
    build: BuildFact | None = None
    services: ServicesFact = NO_SERVICES
    hooks: HooksFact = NO_HOOKS
    ide: IdeFact = NO_IDE
    http_client: HttpClientFact = NO_HTTP_CLIENT
    homebrew: HomebrewFact = NO_FORMULAE
    shell: ShellFact = NO_SHELL


def gather(pins: Pins, *, closely: bool = False) -> Facts:
    """Look at everything; no process is started where all is well and the database is SQLite."""
    in_venv = venv.look(pins)
    interpreter = python.look(pins, closely=closely or in_venv.state is not VenvState.READY)
    installed = packages.look(pins, in_venv)
    variables = environment.look(pins)
    heads = migrations.look(pins, installed)
    return Facts(
        hooks=hooks.look(pins),
        ide=ide.look(pins) if pins.ide else NO_IDE,
        http_client=http_client.look(pins, pins.http_client)
        if pins.http_client
        else NO_HTTP_CLIENT,
        homebrew=homebrew.look(pins),
        shell=shell.look(pins),
        services=services.look(pins, gone=heads.gone) if pins.services else NO_SERVICES,
        python=interpreter,
        build=_look_at_building(pins) if _is_to_be_built(pins, interpreter) else None,
        venv=in_venv,
        pip=pip.look(pins, in_venv),
        packages=installed,
        environment=variables,
        migrations=heads,
        proof=proof.look(pins, installed, heads),
    )


def _is_to_be_built(pins: Pins, interpreter: PythonFact) -> bool:
    return pins.provider == "pyenv" and interpreter.executable is None


def _look_at_building(pins: Pins) -> BuildFact:
    from bootstrap.machine.facts import build  # noqa: PLC0415 - reads the signatures, runs a compiler

    return build.look(pins)
