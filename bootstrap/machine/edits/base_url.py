"""The base URL in a file of an HTTP client; an edit changes it and nothing else, not even a space.

Postman's environments and .http files are filled in by people too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bootstrap.files import replace_text
from bootstrap.machine.edits import Action, Reversal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ACTION: Action = "readdress"
# Each variable of such an environment is an object that holds no other.
_VARIABLE = re.compile(r'\{[^{}]*"key"\s*:\s*"baseUrl"[^{}]*\}')
_VALUE = re.compile(r'(?<="value")\s*:\s*"([^"\\]*)"')
_LINE = re.compile(r"^@baseUrl[ \t]*=[ \t]*(\S*)", re.MULTILINE)
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nobody listens here


def named_by(file: Path) -> str | None:
    """The URL that `file` names; None where it names none, or cannot be read."""
    try:
        text = file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    found = _find(file, text)
    return None if found is None else text[slice(*found)]


def set_url(file: Path, url: str) -> None:
    """Let `file`, which names a URL, name this one."""
    text = file.read_bytes().decode("utf-8")
    found = _find(file, text)
    if found is not None:
        replace_text(file, text[: found[0]] + url + text[found[1] :])


def reversal(file: Path, change: str) -> Reversal:
    """The change is the URL before, a space, and the one after."""
    before, _, after = change.partition(" ")
    if named_by(file) != after:
        return Reversal("keep", str(file), f"it does not name {after} any more")
    return Reversal(ACTION, str(file), f"this run let it name {after}", to=before)


def reverse(file: Path, to: str) -> None:
    set_url(file, to)


def listening(url: str, settings: Mapping[str, str]) -> str:
    """Where the api listens: by `url`, unless the settings have a HOST or a PORT of their own."""
    from urllib.parse import urlsplit  # noqa: PLC0415 - where no client is pinned, nothing is asked

    parts = urlsplit(url)
    host = settings.get("HOST") or parts.hostname or ""
    host = _ANYWHERE.get(host, host)
    port = settings.get("PORT") or str(parts.port or "")
    shown = f"[{host}]" if ":" in host else host
    return parts._replace(netloc=f"{shown}:{port}" if port else shown).geturl()


def _find(file: Path, text: str) -> tuple[int, int] | None:
    if file.suffix != ".json":
        line = _LINE.search(text)
        return line.span(1) if line else None
    variable = _VARIABLE.search(text)
    value = _VALUE.search(text, *variable.span()) if variable else None
    return value.span(1) if value else None
