"""What a statement is to the journal: whether it reads or writes, or may commit by itself."""

from __future__ import annotations

import hashlib
from enum import Enum

from migrate.transaction import DATA, MYSQL

__all__ = ["MYSQL", "OWN_TABLES", "Kind", "kind_of", "one_line"]

OWN_TABLES = ("alembic_version", "alembic_journal", "migrate_backfill")
READS = frozenset({"select", "show", "desc", "describe", "explain", "values", "table", "fetch"})
# What a session remembers must be sent again by the next one.
OF_SESSION = frozenset({"set", "use", "prepare", "deallocate", "reset", "listen"})
# Once more does no harm, and what the server says of its objects does not show it.
REPEATABLE = frozenset({"vacuum", "analyze", "optimize", "reindex", "truncate", "grant", "revoke"})
REPEATABLE |= {"flush", "repair", "check", "comment", "cluster", "refresh"}
CHANGES_FORM = frozenset({"create", "alter", "drop", "rename"})
PERSONAL = frozenset({"temporary", "temp"})


class Kind(Enum):
    """How a statement and its row in the journal become durable."""

    SESSION = "is remembered by the session only, and sent in every run"
    DATA = "in one transaction with its row"
    APART = "may commit by itself, so that its row is written before"


def kind_of(said: list[str]) -> Kind:
    """Say how the statement of these words becomes durable; what is not known may do anything."""
    first = said[0] if said and ";" not in said[:-1] else ""
    if first in OF_SESSION:
        return Kind.SESSION
    return Kind.DATA if first in DATA else Kind.APART


def variables(said: list[str], dialect: str) -> list[str]:
    """Return the variables of MySQL's session that the statement names."""
    if dialect not in MYSQL:
        return []
    return sorted({word for word in said if word[:1] == "@" and word[1:2] not in ("", "@")})


def is_personal(said: list[str]) -> bool:
    """Say whether it makes a temporary table, which is gone with the session."""
    return said[:1] == ["create"] and any(word in PERSONAL for word in said[1:4])


def outcome_unseen(said: list[str]) -> bool:
    """Say whether objects that look as before do not prove that the statement was not executed."""
    first = said[0] if said else ""
    return first not in CHANGES_FORM | REPEATABLE or "exchange" in said


def digest_of(sql: str, parameters: object) -> str:
    """Return what makes the statement this one and no other."""
    return hashlib.sha256(f"{sql}\0{parameters!r}".encode()).hexdigest()


def one_line(sql: str, most: int = 100) -> str:
    """Return the statement as one line that fits a terminal."""
    line = " ".join(sql.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
