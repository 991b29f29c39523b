"""What this process wraps and rotates keys by: read once, when it is needed first."""

from __future__ import annotations

from app.features.keys import settings
from app.features.keys.master import MasterKeys
from app.features.keys.settings import KeysSettings
from app.settings import Settings

_read: list[tuple[KeysSettings, MasterKeys]] = []


def configure(of_process: Settings) -> None:
    """Go by these settings from now on; raises UnusableMasterKey."""
    _read[:] = [settings.read(of_process)]


def own() -> KeysSettings:
    return _configured()[0]


def masters() -> MasterKeys:
    """Return the master keys; raises UnusableMasterKey."""
    return _configured()[1]


def _configured() -> tuple[KeysSettings, MasterKeys]:
    if not _read:
        configure(Settings())
    return _read[0]
