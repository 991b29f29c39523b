"""Why a private index gives nothing: pip and uv only say that they have found no version.

The index itself is asked, once something has failed: for the page of one package, as they do.
"""

from __future__ import annotations

import os
import ssl
from base64 import b64encode
from http.client import HTTPException
from netrc import NetrcParseError, netrc
from typing import TYPE_CHECKING, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from bootstrap.errors import HeadstartError
from bootstrap.machine import package_indexes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bootstrap.machine.package_indexes import Login, PackageIndex

_SECONDS = 20
_OK = 200
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404


class Answered(NamedTuple):
    """The status of an answer; 0 and a reason where there was none."""

    status: int
    reason: str = ""


def explained(failed: HeadstartError, root: Path) -> HeadstartError:
    """The failure with what an index of the project says of it; as it was where all say yes."""
    if package_indexes.are_left_alone(os.environ):
        return failed
    for index in package_indexes.of(root):
        login = _login(index, os.environ)
        for package in index.packages or ("",):
            answered = _ask(index, package, login)
            if cause := reason(index, package, login, answered):
                steps = (*repair(index, login, answered), *failed.next[-1:])
                return HeadstartError(failed.what, why=(cause,), next=steps)
    return failed


def reason(
    index: PackageIndex, package: str, login: Login | None, answered: Answered
) -> str | None:
    """In one sentence; None where it has what it was asked for."""
    named = f"the index `{index.name}` ({index.address})"
    if not answered.status:
        return f"{_capital(named)} cannot be reached: {answered.reason}."
    if answered.status == _UNAUTHORIZED and login is None:
        return f"{_capital(named)} asks for a user and a password, and nobody has told them here."
    if answered.status in {_UNAUTHORIZED, _FORBIDDEN}:
        whom = f"the user and the password of {login.source}" if login else "whoever tells no name"
        return f"{_capital(named)} refuses {whom} ({answered.status})."
    if answered.status == _NOT_FOUND and package:
        return f"{_capital(named)} has no package {package}."
    if answered.status > _NOT_FOUND:
        return f"{_capital(named)} is out of order: it answers {answered.status}."
    return None


def repair(index: PackageIndex, login: Login | None, answered: Answered) -> tuple[str, ...]:
    """What a person does about it."""
    if not answered.status:
        return ("is a VPN or a proxy (HTTPS_PROXY) needed to get there, and is its address right?",)
    if answered.status == _NOT_FOUND:
        return ("upload it there, or correct its name in pyproject.toml",)
    if answered.status not in {_UNAUTHORIZED, _FORBIDDEN}:
        return ("try again later, or ask those who run it",)
    if login:
        return (f"correct {login.source}, or ask those who run it for the right to read",)
    user, password = index.variables
    return (
        f"export {user}=… {password}=…",
        f"or write into ~/.netrc: machine {index.host} login … password …",
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _login(index: PackageIndex, environ: Mapping[str, str]) -> Login | None:
    """What pip and uv would show it, but for a keyring's."""
    if stated := index.login(environ):
        return stated
    file = package_indexes.own_netrc(environ)
    try:
        found = netrc(str(file)).authenticators(index.host)
    except (OSError, NetrcParseError):
        return None
    return package_indexes.Login(found[0], found[2], str(file)) if found else None


def _ask(index: PackageIndex, package: str, login: Login | None) -> Answered:
    request = Request(f"{index.address}/{package}{'/' if package else ''}")  # noqa: S310 - checked
    if login:
        encoded = b64encode(f"{login.user}:{login.password}".encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {encoded}")
    try:
        with urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - as above
            return Answered(answer.status)
    except HTTPError as error:
        return Answered(error.code)
    except URLError as error:
        told = error.reason
        if isinstance(told, ssl.SSLError):
            return Answered(_OK)  # pip and uv have certificates of their own, and say it best
        return Answered(0, (told.strerror if isinstance(told, OSError) else None) or str(told))
    except (OSError, HTTPException) as error:
        return Answered(0, str(error))
