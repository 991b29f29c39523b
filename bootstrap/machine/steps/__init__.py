"""The steps, in the order in which they build on each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootstrap.machine.steps.cleanup import Cleanup
from bootstrap.machine.steps.environment import Environment
from bootstrap.machine.steps.hooks import Hooks
from bootstrap.machine.steps.http_client import HttpClientStep
from bootstrap.machine.steps.ide import Ide
from bootstrap.machine.steps.migrations import Migrations
from bootstrap.machine.steps.packages import Packages
from bootstrap.machine.steps.pip import Pip
from bootstrap.machine.steps.proof import Policy, Proof
from bootstrap.machine.steps.python import Python
from bootstrap.machine.steps.services import Services
from bootstrap.machine.steps.shell import Shell
from bootstrap.machine.steps.tools import Tools
from bootstrap.machine.steps.venv import Venv

if TYPE_CHECKING:
    from bootstrap.machine.steps.step import Step


def all_steps(proof: Policy = "when-changed", *, yes: bool = False) -> tuple[Step, ...]:
    """A later step may rely on every earlier one. `yes`: what was declined before is agreed to."""
    return (
        Tools(),
        Python(),
        Venv(),
        Pip(),
        Packages(),
        Environment(),
        Services(),
        Migrations(),
        Hooks(),
        Ide(),
        HttpClientStep(),
        Shell(yes=yes),
        Proof(proof),
        Cleanup(),
    )
