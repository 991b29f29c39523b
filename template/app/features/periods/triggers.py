"""The triggers that freeze rows: in the database, so that nobody goes around them.

Revisions have them in full, for a revision outlives what wrote it.
"""

from __future__ import annotations

import hashlib
from textwrap import indent

from sqlalchemy import Dialect
from sqlalchemy.dialects import mysql, postgresql, sqlite

from app.features.periods.declared import Frozen

DIALECTS: dict[str, type[Dialect]] = {
    "sqlite": sqlite.dialect,
    "postgresql": postgresql.dialect,
    "mysql": mysql.dialect,
}
# What a changed row was, and what it is.
ROWS = {"insert": ("new",), "update": ("old", "new"), "delete": ("old",)}
# What a refusal begins with, and ends with the name of the table.
REFUSED = "period_closed "
_SELECT = "SELECT 1 FROM"
_BODY = """\
def _execute(statements: dict[str, tuple[str, ...]]) -> None:
    name = op.get_context().dialect.name
    for statement in statements["mysql" if name == "mariadb" else name]:
        op.execute(statement)
"""


def names(table: str, dialect: str) -> set[str]:
    """Return what the triggers of a frozen table are called, and what refuses its TRUNCATE."""
    truncate = {"postgresql": {"truncate"}, "mysql": {"guard"}, "mariadb": {"guard"}}
    return {f"period_{each}_{_short(table)}" for each in {*ROWS} | truncate.get(dialect, set())}


def revision_parts(frozen: Frozen) -> str:
    """Return what a revision needs, to freeze by `_execute(FREEZE)` and end it by `THAW`."""
    made = {name: Statements(frozen, name) for name in DIALECTS}
    freeze = _written("FREEZE", {name: each.freeze() for name, each in made.items()})
    thaw = _written("THAW", {name: each.thaw() for name, each in made.items()})
    return f"{freeze}\n{thaw}\n\n\n{_BODY}"


def _short(table: str) -> str:
    return hashlib.sha256(table.encode()).hexdigest()[:12]


def _written(name: str, statements: dict[str, list[str]]) -> str:
    lines = [f"{name}: dict[str, tuple[str, ...]] = " + "{"]
    for dialect, texts in statements.items():
        lines.append(f'    "{dialect}": (')
        for text in texts:
            whole = f'"{text}",' if "\n" not in text else f'"""\n{text}\n""",'
            lines.append(indent(whole, " " * 8))
        lines.append("    ),")
    return "\n".join([*lines, "}"])


class Statements:
    """What freezes one table, in the words of one kind of database."""

    def __init__(self, frozen: Frozen, dialect: str) -> None:
        self._quote = DIALECTS[dialect]().identifier_preparer.quote
        self._dialect = dialect
        self._frozen = frozen
        self._name = _short(frozen.table.name)
        self._on = self._quote(frozen.table.name)

    def freeze(self) -> list[str]:
        if self._dialect == "postgresql":
            return self._of_statements()
        of_rows = self._sqlite if self._dialect == "sqlite" else self._mysql
        guard = self._guard() if self._dialect == "mysql" else []
        return [*guard, *(of_rows(event) for event in ROWS)]

    def thaw(self) -> list[str]:
        if self._dialect == "postgresql":
            events = (*ROWS, "truncate")
            dropped = [f"DROP TRIGGER period_{each}_{self._name} ON {self._on}" for each in events]
            return [*dropped, f"DROP FUNCTION period_freeze_{self._name}()"]
        dropped = [f"DROP TRIGGER period_{event}_{self._name}" for event in ROWS]
        guarded = self._dialect == "mysql"
        return dropped + ([f"DROP TABLE period_guard_{self._name}"] if guarded else [])

    def _sqlite(self, event: str) -> str:
        """One writer at a time: whoever writes sees what is closed."""
        return (
            f"CREATE TRIGGER period_{event}_{self._name} BEFORE {event.upper()} ON {self._on}\n"
            f"FOR EACH ROW WHEN EXISTS (\nSELECT 1 {self._closed(event)}\n)\n"
            f"BEGIN SELECT RAISE(ABORT, '{REFUSED}{self._frozen.table.name}'); END"
        )

    def _mysql(self, event: str) -> str:
        """Locking reads see what is committed, whatever the transaction's snapshot has."""
        return (
            f"CREATE TRIGGER period_{event}_{self._name} BEFORE {event.upper()} ON {self._on}\n"
            "FOR EACH ROW BEGIN\nDECLARE found INT;\n"
            "SELECT COUNT(*) INTO found FROM period_gate LOCK IN SHARE MODE;\n"
            f"SELECT COUNT(*) INTO found {self._closed(event)}\nLOCK IN SHARE MODE;\n"
            "IF found > 0 THEN\n"
            f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{REFUSED}{self._frozen.table.name}';\n"
            "END IF;\nEND"
        )

    def _guard(self) -> list[str]:
        """Nothing sees a TRUNCATE there; InnoDB refuses it where a foreign key refers to."""
        key = ", ".join(self._quote(each.name) for each in self._frozen.table.primary_key)
        guard = f"period_guard_{self._name}"
        refers = f"ADD FOREIGN KEY ({key}) REFERENCES {self._on} ({key})"
        return [f"CREATE TABLE {guard} LIKE {self._on}", f"ALTER TABLE {guard}\n{refers}"]

    def _closed(self, event: str) -> str:
        """Find the closed periods that the old row or the new one belongs to."""
        at, rows = self._quote(self._frozen.instant.name), ROWS[event]
        kept = _kept(event)
        if self._frozen.reference is None:
            inside = [f"{row}.{at} >= p.begins_at AND {row}.{at} < p.ends_at" for row in rows]
            either = "\nOR ".join(inside)
            return f"FROM periods AS p\nWHERE ({either})\nAND {kept}"
        own, referred = (self._quote(each.name) for each in self._frozen.reference)
        values = ", ".join(f"{row}.{own}" for row in rows)
        return f"{self._parents(f't.{at}')}\nWHERE t.{referred} IN ({values})\nAND {kept}"

    def _parents(self, at: str) -> str:
        parent = self._quote(self._frozen.instant.table.name)
        return f"FROM {parent} AS t\nJOIN periods AS p ON {at} >= p.begins_at AND {at} < p.ends_at"

    def _of_statements(self) -> list[str]:
        """Once for each statement; the shared lock lasts until its transaction ends."""
        branches = [
            f"IF TG_OP = '{event.upper()}' THEN\nclosed := EXISTS (\n{self._of_rows(event)}\n);"
            for event in (*ROWS, "truncate")
        ]
        function = (
            f"CREATE FUNCTION period_freeze_{self._name}() RETURNS trigger LANGUAGE plpgsql AS $$\n"
            "DECLARE closed boolean;\nBEGIN\nPERFORM 1 FROM period_gate FOR SHARE;\n"
            + "\nELS".join(branches)
            + "\nEND IF;\nIF closed THEN\n"
            f"RAISE EXCEPTION '{REFUSED}{self._frozen.table.name}' USING ERRCODE = '45000';\n"
            "END IF;\nRETURN NULL;\nEND $$"
        )
        # Temporary tables come last, or one that is called periods would be looked at instead.
        path = (
            "DO $$ BEGIN\n"
            f"EXECUTE 'ALTER FUNCTION period_freeze_{self._name}() SET search_path TO '\n"
            "|| quote_ident(current_schema()) || ', pg_temp';\nEND $$"
        )
        return [function, path, *(self._of_statement(event) for event in (*ROWS, "truncate"))]

    def _of_statement(self, event: str) -> str:
        seen = " ".join(f"{row.upper()} TABLE AS {row}_rows" for row in ROWS.get(event, ()))
        when = "AFTER" if event in ROWS else "BEFORE"
        return (
            f"CREATE TRIGGER period_{event}_{self._name} {when} {event.upper()} ON {self._on}\n"
            f"{f'REFERENCING {seen}' + chr(10) if seen else ''}"
            f"FOR EACH STATEMENT EXECUTE FUNCTION period_freeze_{self._name}()"
        )

    def _of_rows(self, event: str) -> str:
        sources = [f"{row}_rows" for row in ROWS.get(event, ())] or [self._on]
        at = self._quote(self._frozen.instant.name)
        if self._frozen.reference is None:
            joined = f"JOIN periods AS p ON r.{at} >= p.begins_at AND r.{at} < p.ends_at"
            return self._union(sources, joined, event)
        own, referred = (self._quote(each.name) for each in self._frozen.reference)
        parent = self._quote(self._frozen.instant.table.name)
        joined = (
            f"JOIN {parent} AS t ON t.{referred} = r.{own}\n"
            f"JOIN periods AS p ON t.{at} >= p.begins_at AND t.{at} < p.ends_at"
        )
        return self._union(sources, joined, event)

    def _union(self, sources: list[str], joined: str, event: str) -> str:
        found = [f"{_SELECT} {each} AS r\n{joined}\nWHERE {_kept(event)}" for each in sources]
        return "\nUNION ALL ".join(found)


def _kept(event: str) -> str:
    removable = " AND NOT p.removing" if event == "delete" else ""
    return f"p.state <> 'open'{removable}"
