"""The tools that install packages, each by the format of the list or lock that it reads.

A list that says everything in exact versions is compared here; of all others only the tool whose
format it is can say whether an environment has what they ask for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bootstrap.machine.installers.installer import Installer
    from bootstrap.machine.pins import Pins

# The lock that only one tool reads.
LOCKS = {"poetry.lock": "poetry", "uv.lock": "uv", "pdm.lock": "pdm", "Pipfile.lock": "pipenv"}


def of(pins: Pins) -> Installer:
    """The installer of a project; each is imported where it is used."""
    if pins.installer == "poetry":
        from bootstrap.machine.installers.poetry import Poetry  # noqa: PLC0415

        return Poetry()
    if pins.installer == "pdm":
        from bootstrap.machine.installers.pdm import Pdm  # noqa: PLC0415

        return Pdm()
    if pins.installer == "pipenv":
        from bootstrap.machine.installers.pipenv import Pipenv  # noqa: PLC0415

        return Pipenv()
    if pins.installer == "uv":
        from bootstrap.machine.installers import uv  # noqa: PLC0415

        return uv.UvProject() if pins.lock.name == "uv.lock" else uv.UvRequirements()
    from bootstrap.machine.installers.pip import Pip  # noqa: PLC0415

    return Pip()
