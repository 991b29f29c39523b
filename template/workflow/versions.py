"""Versions: MAJOR.MINOR.PATCH, as https://semver.org has them, and where the project's is."""

from __future__ import annotations

import re
import tomllib
from typing import NamedTuple

from workflow.errors import Refused

_NUMBER = r"(0|[1-9][0-9]*)"
SEMVER = rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}"
# The first `version` of [project]; what is behind another table's heading is not the project's.
_IN_PYPROJECT = re.compile(r'(^\[project\]\n(?:(?!\[).*\n)*?version *= *")[^"\n]*', re.MULTILINE)

# uv's lock says it too, of the project that it was made for.
LOCK = "uv.lock"
_IN_LOCK = re.compile(r'(^version = ")([^"\n]*)(?="\nsource = \{ virtual = "\." \}$)', re.MULTILINE)


class Version(NamedTuple):
    """A version, in the order in which versions follow each other."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def tag(self) -> str:
        return f"v{self}"


def found(text: str) -> Version | None:
    """The version that a text is, if it is one."""
    match = re.fullmatch(SEMVER, text)
    return Version(*map(int, match.groups())) if match else None


def asked_for(text: str) -> Version:
    """The version that a person has typed."""
    version = found(text.removeprefix("v"))
    if version is None:
        what = f"{text!r} is no version" if text else "There is no version given"
        raise Refused(f"{what}: three numbers, as in VERSION=1.2.3.")
    return version


def of_tags(tags: list[str]) -> list[Version]:
    """The versions that tags name, the newest last; v1.2.3-rc.1 and the like are not among them."""
    named = (found(tag.removeprefix("v")) for tag in tags if tag.startswith("v"))
    return sorted(version for version in named if version)


def in_pyproject(text: str) -> str:
    """The version that a pyproject.toml names, whatever that is; empty where it names none."""
    try:
        return str(tomllib.loads(text).get("project", {}).get("version", ""))
    except tomllib.TOMLDecodeError as error:
        raise Refused(f"pyproject.toml cannot be read: {error}") from None


def raised(text: str, version: Version) -> str:
    """The same pyproject.toml, with this version."""
    new = _IN_PYPROJECT.sub(rf"\g<1>{version}", text, count=1)
    if in_pyproject(new) != str(version):
        raise Refused(
            "pyproject.toml has no version that can be raised.",
            'Write it below [project]: version = "0.1.0"',
        )
    return new


def in_lock(text: str) -> str:
    """The version of the project that a lock of uv's has; empty where it has none."""
    match = _IN_LOCK.search(text)
    return match[2] if match else ""


def raised_in_lock(text: str, version: Version) -> str:
    """The same lock, made for this version."""
    return _IN_LOCK.sub(rf"\g<1>{version}", text)
