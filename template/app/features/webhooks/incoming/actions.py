"""What messages ask for: the actions of a module's `webhooks.py`, found by being there.

Such a file has `Content`: the union of its actions, told apart by their field `action`.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from app import modules
from app.core.database import WriteSession
from app.settings import UnusableSettings

LARGEST_VERSION = 2**53 - 1


class Refused(Exception):
    """It will never be done, however often it is tried; says why."""


@dataclass(frozen=True)
class Download:
    """A file that an action needs, and what it must be."""

    url: str
    media_types: frozenset[str]
    sha256: str | None = None


class Action(BaseModel, ABC):
    """One thing that a message may ask for.

    Messages come late, twice and in any order. What is older than what was applied to the same
    `part` of the same subject is dropped: the lower `version`, or without versions the earlier
    `timestamp`. An action that `deletes` outdates every part.
    """

    model_config = ConfigDict(frozen=True)

    part: ClassVar[str] = "record"
    deletes: ClassVar[bool] = False

    action: str
    # When it happened, as its sender knows.
    timestamp: AwareDatetime = Field(ge=datetime(1970, 1, 1, tzinfo=UTC))
    version: int | None = Field(default=None, ge=0, le=LARGEST_VERSION)

    @property
    @abstractmethod
    def subject(self) -> str:
        """What it is about, in at most 200 characters, none a NUL."""

    @property
    def download(self) -> Download | None:
        """What has to be fetched first."""
        return None

    @abstractmethod
    async def apply(self, session: WriteSession, file: bytes) -> None:
        """Do it, in the transaction that notes it as done; `file` is the download.

        Raises Refused where it makes no sense; any other error has it tried again later.
        """


class NoSuchModule(UnusableSettings):
    """A source names a module that has no webhooks.py, or must say which of several it means."""


@functools.cache
def contents() -> Mapping[str, TypeAdapter[Action]]:
    """Return what reads the actions of each module that has some."""
    return {name: TypeAdapter(file.Content) for name, file in modules.files("webhooks")}


def module_of(stated: str | None) -> str:
    """Return the module that a source is for; raises NoSuchModule."""
    known = sorted(contents())
    if stated is None and len(known) == 1:
        return known[0]
    if stated not in known:
        told = f"{stated!r} is none of them" if stated else "a source must say which it is for"
        raise NoSuchModule(f"modules with a webhooks.py are: {', '.join(known)}; {told}")
    return stated


def is_unknown(error: ValidationError) -> bool:
    """Whether it is the action itself that nobody knows."""
    return any(
        each["type"] == "union_tag_invalid" or each["loc"] == ("action",) for each in error.errors()
    )
