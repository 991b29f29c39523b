"""Everything observed about the machine for one project; looking never changes anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bootstrap.machine.facts import environment, migrations, packages, pip, proof, python, venv

if TYPE_CHECKING:
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
    python: PythonFact
    venv: VenvFact
    pip: PipFact
    packages: PackagesFact
    environment: EnvironmentFact
    migrations: MigrationsFact
    proof: ProofFact


def gather(pins: Pins) -> Facts:
    """Look at everything; no process is started where all is well and the database is SQLite."""
    in_venv = venv.look(pins)
    installed = packages.look(pins, in_venv)
    variables = environment.look(pins)
    heads = migrations.look(pins, installed)
    return Facts(
        python=python.look(pins),
        venv=in_venv,
        pip=pip.look(pins, in_venv),
        packages=installed,
        environment=variables,
        migrations=heads,
        proof=proof.look(pins, installed, heads),
    )
