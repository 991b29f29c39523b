"""The migrations that this code comes with, read from their files: serving needs no Alembic."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core.database import Database
from app.core.engines import DatabaseUnavailable
from app.settings import ROOT

logger = structlog.get_logger(__name__)

FOLDER = ROOT / "migrate" / "versions"
_IDENTIFIER = re.compile(r"^(revision|down_revision)\b[^=\n]*=\s*(.*)$", re.MULTILINE)
_QUOTED = re.compile(r"""["']([^"']+)["']""")

_VERSIONS = text("SELECT version_num FROM alembic_version")

Standing = Literal["ok", "behind", "ahead"]


@dataclass(frozen=True)
class Revisions:
    """Every revision of the code, and its heads: those that no other builds on."""

    known: frozenset[str]
    heads: frozenset[str]

    def standing(self, stored: AbstractSet[str]) -> Standing:
        """Say how a database with the `stored` versions stands to this code.

        A database ahead has been migrated by newer code: while a deployment rolls out, that is so.
        """
        if stored == self.heads:
            return "ok"
        return "ahead" if stored - self.known else "behind"


def read_revisions(folder: Path = FOLDER) -> Revisions:
    found: dict[str, set[str]] = {"revision": set(), "down_revision": set()}
    for path in folder.glob("*.py"):
        for name, value in _IDENTIFIER.findall(path.read_text("utf-8")):
            found[name].update(_QUOTED.findall(value))
    known, below = found["revision"], found["down_revision"]
    return Revisions(frozenset(known), frozenset(known - below))


class DatabaseBehind(RuntimeError):
    """This code needs tables that the database does not have yet."""


async def stored_versions(database: Database) -> set[str]:
    """Return the versions that the migrations have left, which takes a migrated database."""
    return set((await database.reads.execute(_VERSIONS)).scalars())


async def require_current(database: Database, revisions: Revisions) -> None:
    """Refuse to start on a database behind this code; warn of one ahead.

    One that does not answer is no reason: it may come back, and readiness says that it is away.
    """
    try:
        stored = await _stored(database)
    except (DatabaseUnavailable, DBAPIError):
        logger.warning("database.away", exc_info=True)
        return
    standing = revisions.standing(stored)
    told = {"database": sorted(stored), "code": sorted(revisions.heads)}
    if standing == "ahead":
        logger.warning("database.ahead", **told)
    if standing == "behind":
        raise DatabaseBehind(
            f"the database is at revision {', '.join(told['database']) or 'none'}, this code at "
            f"{', '.join(told['code'])}. Run `python -m migrate upgrade` first, then start again."
        )


async def _stored(database: Database) -> set[str]:
    await database.reads.execute(text("SELECT 1"))
    try:
        return await stored_versions(database)
    except DBAPIError:
        return set()  # it answers, and was never migrated
