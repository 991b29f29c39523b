"""Formulae that a step needs: installed by Homebrew, once somebody agrees."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from bootstrap.errors import Refused

if TYPE_CHECKING:
    from bootstrap.machine.steps.step import Context


def install_command(formulae: tuple[str, ...]) -> tuple[str, ...]:
    return ("brew", "install", *formulae)


def install(context: Context, formulae: tuple[str, ...]) -> None:
    """Homebrew is everybody's on this machine, so somebody has to agree."""
    named = ", ".join(formulae)
    by_hand = shlex.join(install_command(formulae))
    if not context.agrees(f"Homebrew is to install {named}. Go on?"):
        raise Refused(
            f"Nobody has agreed that Homebrew installs {named}.",
            next=("headstart up --yes", f"or by hand: {by_hand}"),
        )
    context.run(install_command(formulae))
    for formula in formulae:
        context.changed("formula", formula)
