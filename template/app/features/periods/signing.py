"""Who signs a manifest: the signing keys of the project, where there are such."""

from __future__ import annotations

from collections.abc import Awaitable
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol, cast

from app.core.database import Database
from app.settings import Settings


class Signer(Protocol):
    """What `signed_by_keys.py` has."""

    def configure(self, settings: Settings) -> None:
        """Go by these settings from now on."""

    def sign(self, database: Database, digest: str) -> Awaitable[str]:
        """Return a token that names the digest."""

    def judge(self, database: Database, token: str, digest: str) -> Awaitable[str]:
        """Return who has signed the digest, in words; raises PeriodsError where nobody has."""


def signer() -> Signer | None:
    name = f"{__package__}.signed_by_keys"
    return cast("Signer", import_module(name)) if find_spec(name) else None
