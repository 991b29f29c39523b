"""The address that requests are sent to, as it stands in a file of an HTTP client.

Postman's environments and .http files are filled in by people too: an edit changes the address and
nothing else, not even a space.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bootstrap.files import replace_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Each variable of an environment is an object that holds no other.
_VARIABLE = re.compile(r'\{[^{}]*"key"\s*:\s*"baseUrl"[^{}]*\}')
_VALUE = re.compile(r'(?<="value")\s*:\s*"([^"\\]*)"')
_LINE = re.compile(r"^@baseUrl[ \t]*=[ \t]*(\S*)", re.MULTILINE)
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nobody listens here


def read(file: Path) -> str | None:
    """The address that `file` names; None where it names none, or cannot be read."""
    try:
        text = file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    found = _find(file, text)
    return None if found is None else text[slice(*found)]


def write(file: Path, address: str) -> None:
    """Let `file`, which names an address, name this one."""
    text = file.read_bytes().decode("utf-8")
    found = _find(file, text)
    if found is not None:
        replace_text(file, text[: found[0]] + address + text[found[1] :])


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
