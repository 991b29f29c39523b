"""What this process wraps and rotates keys by: read once, when it is needed first."""

from __future__ import annotations

from app.features.keys import settings
from app.features.keys.master import MasterKeys
from app.features.keys.settings import KeysSettings
from app.settings import Environment, Settings

_read: list[tuple[KeysSettings, MasterKeys]] = []


def configure(of_process: Settings) -> None:
    """Go by these settings from now on; raises UnusableMasterKey."""
    _read[:] = [settings.read(of_process)]


def own() -> KeysSettings:
    return _configured()[0]


def masters(*, to_wrap: bool = False) -> MasterKeys:
    """Return the master keys; those who develop get one to wrap by. Raises UnusableMasterKey."""
    own, found = _configured()
    if not found:
        # Another process may have made it meanwhile.
        found = settings.master_keys(own, Environment.DEVELOPMENT, make=to_wrap)
        _read[:] = [(own, found)]
    return found


def _configured() -> tuple[KeysSettings, MasterKeys]:
    if not _read:
        configure(Settings())
    return _read[0]
