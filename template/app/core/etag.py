"""Entity tags (RFC 9110 §8.8 and §13): nobody reads the same twice, or overwrites the unseen.

A tag is `"VERSION-STATE"`. Reads compare all of it. Writes compare the version alone: the state is
what the server's own jobs have done meanwhile, which a client's change neither sees nor undoes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, cast

from fastapi import Depends, Header, HTTPException, Response
from sqlalchemy import CursorResult, Result

from app.core.errors import PreconditionFailed

ANY = "*"
CHANGED = "it was changed since you read it: read it again, and repeat your change"
_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
# A weak tag never matches here: If-Match asks for the strong comparison.
_VERSION = re.compile(r'(?<!W/)"(\d{1,18})(?:-[^"]*)?"')


def entity_tag(version: int, state: str) -> str:
    return f'"{version}-{state}"'


@dataclass(frozen=True)
class ExpectedVersions:
    """The versions that a client would change; None stands for any that exists."""

    versions: frozenset[int] | None

    def require(self, version: int) -> None:
        """Raise PreconditionFailed unless the client has seen `version`."""
        if self.versions is not None and version not in self.versions:
            raise PreconditionFailed(CHANGED)


def require_change(result: Result[Any]) -> None:
    """Raise PreconditionFailed where an UPDATE or DELETE of the seen version has found none."""
    if cast("CursorResult[Any]", result).rowcount == 0:
        raise PreconditionFailed(CHANGED)


async def _expected_versions(
    # Without it the answer is a PreconditionRequired (`errors.py`).
    if_match: Annotated[str, Header(max_length=1000, description="The `ETag` you have seen.")],
) -> ExpectedVersions:
    if if_match.strip() == ANY:
        return ExpectedVersions(None)
    return ExpectedVersions(frozenset(map(int, _VERSION.findall(if_match))))


# Tags one answer, and ends it early with a 304 where the client has it already.
ConditionalGet = Callable[[str], None]


async def _conditional_get(
    response: Response,
    if_none_match: Annotated[
        str, Header(max_length=1000, description="The `ETag` you have: 304 if nothing changed.")
    ] = "",
) -> ConditionalGet:
    has = [tag.removeprefix("W/") for tag in _TAG.findall(if_none_match)]

    def tag_answer(tag: str) -> None:
        if tag in has or if_none_match.strip() == ANY:
            raise HTTPException(HTTPStatus.NOT_MODIFIED, headers={"ETag": tag})
        response.headers["ETag"] = tag

    return tag_answer


IfMatch = Annotated[ExpectedVersions, Depends(_expected_versions)]
IfNoneMatch = Annotated[ConditionalGet, Depends(_conditional_get)]
