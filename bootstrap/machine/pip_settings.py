"""What of pip's settings is the machine's business, and what would lead an installation elsewhere.

Where packages come from, and how to get there, stays: an index, a proxy, certificates. What a
person has set for installations of their own (`target`, `prefix`, `user`, `constraint`, …) does
not: venv and lock say that. pip reads both from variables and from files, and the files are read
here as pip finds them: https://pip.pypa.io/en/stable/topics/configuration/
"""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap.files import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_KEPT = {
    *("INDEX_URL", "EXTRA_INDEX_URL", "FIND_LINKS", "TRUSTED_HOST", "KEYRING_PROVIDER"),
    *("CERT", "CLIENT_CERT", "PROXY", "TIMEOUT", "DEFAULT_TIMEOUT", "RETRIES"),
    *("CACHE_DIR", "NO_CACHE_DIR"),
}
# The same as uv says it, and what it puts between several; what is in neither list, uv has not.
_OF_UV = {
    "PIP_INDEX_URL": ("UV_INDEX_URL", " "),
    "PIP_EXTRA_INDEX_URL": ("UV_EXTRA_INDEX_URL", " "),
    "PIP_FIND_LINKS": ("UV_FIND_LINKS", ","),
    "PIP_NO_INDEX": ("UV_NO_INDEX", " "),
    "PIP_CERT": ("SSL_CERT_FILE", " "),
}
_UNSAID = {
    *("PIP_CONFIG_FILE", "PIP_CACHE_DIR", "PIP_NO_CACHE_DIR"),
    *("PIP_TIMEOUT", "PIP_DEFAULT_TIMEOUT", "PIP_RETRIES"),
}
_SOURCES_OF_UV = {
    *("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL"),
    *("UV_FIND_LINKS", "UV_NO_INDEX"),
}
_NO_INDEX = "PIP_NO_INDEX"
_FIND_LINKS = "PIP_FIND_LINKS"
_SECTIONS = ("global", "install")


def pip_settings(inherited: Mapping[str, str]) -> dict[str, str]:
    """The variables that pip shall see, in place of those inherited and of every file."""
    variables = {name: value for name, value in inherited.items() if name.startswith("PIP_")}
    files = dict(_of_files(*_paths(inherited)))
    return {**_kept(files), **_kept(variables), "PIP_CONFIG_FILE": os.devnull}


def as_told_to_uv(environ: Mapping[str, str]) -> dict[str, str] | None:
    """The environment in which uv takes pip from where pip would; None where it cannot."""
    stated = {name: value for name, value in pip_settings(environ).items() if name not in _UNSAID}
    if stated.keys() - _OF_UV.keys():
        return None
    kept = {name: value for name, value in environ.items() if name not in _SOURCES_OF_UV}
    for name, value in stated.items():
        variable, between = _OF_UV[name]
        kept[variable] = between.join(value.split())
    return kept | {"UV_INDEX_STRATEGY": "unsafe-best-match"}  # all indexes are one, as to pip


def _kept(stated: Mapping[str, str]) -> dict[str, str]:
    """With `no-index` and no other source beside it, nothing at all could be installed."""
    kept = {name: value for name, value in stated.items() if name.removeprefix("PIP_") in _KEPT}
    if _NO_INDEX in stated and stated.get(_FIND_LINKS):
        kept[_NO_INDEX] = stated[_NO_INDEX]
    return kept


def _paths(environ: Mapping[str, str]) -> Iterator[Path]:
    """Those that there may be, from the weakest to the strongest."""
    stated = environ.get("PIP_CONFIG_FILE")
    if stated == os.devnull:
        return
    home = Path(environ.get("HOME") or Path.home())
    folders = (Path(each) for each in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":") if each)
    yield from (folder / "pip" / "pip.conf" for folder in folders)
    yield Path("/etc/pip.conf")
    yield home / ".pip" / "pip.conf"
    if sys.platform == "darwin":
        yield Path("/Library/Application Support/pip/pip.conf")
        yield home / "Library" / "Application Support" / "pip" / "pip.conf"
    yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
    if stated:
        yield Path(stated)


@cache
def _of_files(*paths: Path) -> tuple[tuple[str, str], ...]:
    """What they say, as variables."""
    texts = [text for path in paths if (text := text_of(path))]
    if not texts:
        return ()
    from configparser import Error, RawConfigParser  # noqa: PLC0415 - most machines have no file

    parser = RawConfigParser(strict=False)
    for text in texts:
        try:
            parser.read_string(text)
        except Error:
            continue  # pip says itself what is wrong with it
    return tuple(
        (f"PIP_{key.upper().replace('-', '_')}", " ".join(value.split()))
        for section in _SECTIONS
        if parser.has_section(section)
        for key, value in parser.items(section)
    )
