"""What a statement is to the journal: what it changes, and whose transaction it is in."""

from __future__ import annotations

import hashlib
import re
from enum import Enum
from typing import NamedTuple

OWN_TABLES = ("alembic_version", "alembic_journal", "migrate_backfill")
# How our engine begins a transaction on SQLite.
BEGIN = "BEGIN IMMEDIATE"
MYSQL = frozenset({"mysql", "mariadb"})


class Kind(Enum):
    """How a statement and its row in the journal become durable."""

    READ = "changes nothing, and is run every time"
    CONTROL = "ends the transaction that the revision runs in"
    TOGETHER = "in one transaction with its row"
    APART = "commits by itself"


class Target(NamedTuple):
    """What a DDL statement of MySQL changes, as SHOW CREATE calls it."""

    kind: str
    name: str


_COMMENTS = re.compile(r"^(\s+|--[^\n]*(\n|$)|/\*(?!!).*?\*/)+", re.DOTALL)
_READ = re.compile(
    r"(select|show|pragma|set|desc|describe|explain|savepoint|release|rollback\s+to|do|values|use)\b",
    re.IGNORECASE,
)
_CONTROL = re.compile(
    r"(commit|rollback|begin|start\s+transaction|end|abort|(un)?lock\s+tables?)\b|set\s+autocommit",
    re.IGNORECASE,
)
_DML = re.compile(r"(insert|update|delete|replace|merge|with|load\s+data)\b", re.IGNORECASE)
_WRITES = re.compile(r"\b(insert|update|delete|merge)\b", re.IGNORECASE)
_NO_TRANSACTION = re.compile(
    r"(vacuum|alter\s+system|reindex\s+(database|system)|(create|drop)\s+(database|tablespace))\b"
    r"|[^']*\bconcurrently\b",
    re.IGNORECASE,
)
_NAME = r"((?:[`\"\w$]+\.)?[`\"\w$]+)"
_INDEX = re.compile(
    rf"(?:create|drop)\s+(?:\w+\s+)?index\s+(?:if\s+(?:not\s+)?exists\s+)?\S+\s+on\s+{_NAME}",
    re.IGNORECASE,
)
_OBJECT = re.compile(
    r"(?:create|alter|drop|rename)\b[^'(]*?\b(table|view|trigger|procedure|function|event)\s+"
    rf"(?:if\s+(?:not\s+)?exists\s+)?{_NAME}",
    re.IGNORECASE,
)
_CONCURRENT_INDEX = re.compile(
    r"(create|drop)\s+(?:unique\s+)?index\s+concurrently\s+(?:if\s+(?:not\s+)?exists\s+)?([\w.\"]+)",
    re.IGNORECASE,
)


def kind_of(sql: str, dialect: str) -> Kind:
    """Say how the statement becomes durable in the revision's transaction."""
    text = _COMMENTS.sub("", sql)
    if _CONTROL.match(text) and not _READ.match(text):
        return Kind.CONTROL
    if re.match(r"set\s+autocommit", text, re.IGNORECASE):
        return Kind.CONTROL
    if _READ.match(text) or (re.match(r"with\b", text, re.IGNORECASE) and not _WRITES.search(text)):
        return Kind.READ
    if dialect in MYSQL:
        return Kind.TOGETHER if _DML.match(text) else Kind.APART
    return Kind.APART if _NO_TRANSACTION.match(text) else Kind.TOGETHER


def is_own(sql: str) -> bool:
    """Say whether it is Alembic's or the journal's own bookkeeping."""
    return sql == BEGIN or any(re.search(rf"\b{table}\b", sql) for table in OWN_TABLES)


def digest_of(sql: str, parameters: object) -> str:
    """Return what makes the statement this one and no other."""
    return hashlib.sha256(f"{sql}\0{parameters!r}".encode()).hexdigest()


def target_of(sql: str) -> Target | None:
    """Return what a DDL statement changes; None when its name cannot be told."""
    text = _COMMENTS.sub("", sql)
    if index := _INDEX.match(text):
        return Target("TABLE", index[1])
    found = _OBJECT.match(text)
    return Target(found[1].upper(), found[2]) if found else None


def concurrent_index(sql: str) -> tuple[str, str] | None:
    """Return (create or drop, its name) for an index that PostgreSQL builds beside its readers."""
    found = _CONCURRENT_INDEX.match(_COMMENTS.sub("", sql))
    return (found[1].lower(), found[2]) if found else None


def one_line(sql: str, most: int = 100) -> str:
    """Return the statement as one line that fits a terminal."""
    line = " ".join(sql.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
