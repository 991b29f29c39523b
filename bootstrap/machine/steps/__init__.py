"""The steps, in the order in which they build on each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootstrap.machine.steps.checkout import DotenvStep, HooksStep, HttpClientStep, MergeDriverStep
from bootstrap.machine.steps.ide import IdeStep
from bootstrap.machine.steps.packages import PackagesStep
from bootstrap.machine.steps.pip import PipStep
from bootstrap.machine.steps.project_commands import MigrationsStep, VerificationStep, VerifyPolicy
from bootstrap.machine.steps.python import PythonStep
from bootstrap.machine.steps.services import ServicesStep
from bootstrap.machine.steps.shell import ShellStep
from bootstrap.machine.steps.tools import ToolsStep
from bootstrap.machine.steps.venv import CleanupStep, VenvStep

if TYPE_CHECKING:
    from bootstrap.machine.steps.step import Step


def all_steps(verify: VerifyPolicy = "when-changed", *, yes: bool = False) -> tuple[Step, ...]:
    """A later step may rely on every earlier one. `yes`: what was declined before is agreed to."""
    return (
        ToolsStep(),
        PythonStep(),
        VenvStep(),
        PipStep(),
        PackagesStep(),
        DotenvStep(),
        ServicesStep(),
        MigrationsStep(),
        HooksStep(),
        MergeDriverStep(),
        IdeStep(),
        HttpClientStep(),
        ShellStep(yes=yes),
        VerificationStep(verify),
        CleanupStep(),
    )
