"""Everything observed about the machine for one project; looking never changes anything.

A fact is a named tuple: to define a frozen dataclass takes half a millisecond, and every command of
this half defines all of them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from bootstrap.machine import journal
from bootstrap.machine.facts import (
    checkout,
    ide,
    migrations,
    packages,
    platform,
    python,
    services,
    shell,
    venv,
)
from bootstrap.machine.facts.checkout import HooksFact, HttpClientFact, MergeDriverFact
from bootstrap.machine.facts.ide import IdeFact
from bootstrap.machine.facts.platform import HomebrewFact
from bootstrap.machine.facts.services import ServicesFact
from bootstrap.machine.facts.shell import ShellFact
from bootstrap.machine.facts.venv import VenvState

if TYPE_CHECKING:
    from bootstrap.machine.building.preflight import BuildFact
    from bootstrap.machine.facts.checkout import DotenvFact
    from bootstrap.machine.facts.migrations import MigrationsFact
    from bootstrap.machine.facts.packages import PackagesFact, PipFact
    from bootstrap.machine.facts.python import PythonFact
    from bootstrap.machine.facts.services import Greet
    from bootstrap.machine.facts.venv import VenvFact
    from bootstrap.machine.pins import Pins


class VerificationFact(NamedTuple):
    """Whether exactly this combination was verified on this machine."""

    fingerprint: str
    passed: bool


@dataclass(frozen=True)
class Facts:
    """`build` is looked at only where Python has to be built."""

    python: PythonFact
    venv: VenvFact
    pip: PipFact
    packages: PackagesFact
    dotenv: DotenvFact
    migrations: MigrationsFact
    verification: VerificationFact
    build: BuildFact | None = None
    services: ServicesFact = field(default_factory=ServicesFact)
    hooks: HooksFact = field(default_factory=HooksFact)
    merge_driver: MergeDriverFact = field(default_factory=MergeDriverFact)
    ide: IdeFact = field(default_factory=IdeFact)
    http_client: HttpClientFact = field(default_factory=HttpClientFact)
    homebrew: HomebrewFact = field(default_factory=HomebrewFact)
    shell: ShellFact = field(default_factory=ShellFact)


def gather(pins: Pins, *, closely: bool = False) -> Facts:
    """Look at everything; no process is started where all is well and the database is SQLite."""
    in_venv = venv.look(pins)
    interpreter = python.look(pins, closely=closely or in_venv.state is not VenvState.READY)
    installed = packages.look(pins, in_venv)
    greet: Greet = cache(services.greet)
    revisions = migrations.look(pins, installed, greet)
    fingerprint = _fingerprint(pins, installed.lock, revisions.heads)
    to_be_built = pins.provider == "pyenv" and interpreter.executable is None
    return Facts(
        hooks=checkout.look_at_hooks(pins),
        merge_driver=checkout.look_at_merge_driver(pins),
        ide=ide.look(pins),
        http_client=checkout.look_at_http_client(pins),
        homebrew=platform.look_at_homebrew(pins),
        shell=shell.look(pins),
        services=services.look(pins, greet, gone=revisions.gone),
        python=interpreter,
        build=_look_at_building(pins) if to_be_built else None,
        venv=in_venv,
        pip=packages.look_at_pip(pins, in_venv),
        packages=installed,
        dotenv=checkout.look(pins),
        migrations=revisions,
        verification=VerificationFact(fingerprint, journal.was_verified(pins.root, fingerprint)),
    )


def _fingerprint(pins: Pins, lock: str, heads: tuple[str, ...]) -> str:
    """Any change of what the verification depends on gives another one."""
    parts = [pins.python, pins.pip, lock, heads, pins.verification]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def _look_at_building(pins: Pins) -> BuildFact:
    from bootstrap.machine.building import preflight  # noqa: PLC0415 - reads the signatures, runs a compiler

    return preflight.look(pins)
