"""Was exactly this combination already proven on this machine?"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bootstrap.machine import journal

if TYPE_CHECKING:
    from bootstrap.machine.facts.migrations import MigrationsFact
    from bootstrap.machine.facts.packages import PackagesFact
    from bootstrap.machine.pins import Pins


@dataclass(frozen=True)
class ProofFact:
    fingerprint: str
    proven: bool


def look(pins: Pins, packages: PackagesFact, migrations: MigrationsFact) -> ProofFact:
    fingerprint = digest(pins, packages.lock, migrations.heads)
    return ProofFact(fingerprint, journal.was_proven(pins.root, fingerprint))


def digest(pins: Pins, lock: str, heads: tuple[str, ...]) -> str:
    """Any change of what the proof depends on gives another fingerprint."""
    parts = [pins.python, pins.pip, lock, heads, pins.proof]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]
