"""What a database says of its tables, as lines that can be compared with another's.

SQLAlchemy's inspector reads it, in few queries for all tables. Where the same server has made both
sides, each line is in the same words: whatever differs is a difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Connection, inspect, text

from migrate.kit.statements import MYSQL, OWN_TABLES

if TYPE_CHECKING:
    from sqlalchemy.dialects.postgresql.base import PGInspector

# An index as the server itself writes it: its order, prefixes, operator classes, what it includes.
INDEXES = {
    "postgresql": """
SELECT indrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
JOIN pg_class ON pg_class.oid = indrelid
WHERE relnamespace = current_schema()::regnamespace
""",
    "mysql": """
SELECT table_name, concat_ws(' ', index_name, seq_in_index, column_name, sub_part, collation,
    non_unique, index_type)
FROM information_schema.statistics WHERE table_schema = database()
""",
}
INDEXES["mariadb"] = INDEXES["mysql"]
READ = {
    "column": "get_multi_columns",
    "primary key": "get_multi_pk_constraint",
    "index": "get_multi_indexes",
    "foreign key": "get_multi_foreign_keys",
    "unique": "get_multi_unique_constraints",
    "check": "get_multi_check_constraints",
    "comment": "get_multi_table_comment",
    "options": "get_multi_table_options",
}
# Counters say how much was written, not what a table is.
COUNTERS = ("autoincrement", "mysql_auto_increment", "mariadb_auto_increment")


def catalogue(connection: Connection) -> frozenset[str]:
    """Return a line for each thing in the database; the journal's and Alembic's own left out."""
    return frozenset(_lines(connection))


def _lines(connection: Connection) -> Iterator[str]:
    inspector = inspect(connection)
    own = INDEXES.get(connection.dialect.name)
    found = [("index", table, said) for table, said in connection.execute(text(own))] if own else []
    for what, method in READ.items():
        if what not in ({"index"} if own else {"comment"}):
            for (_, table), said in getattr(inspector, method)().items():
                parts = said if isinstance(said, list) else [said]
                found += [(what, table, _written(one, connection)) for one in parts]
    ours = [one for one in found if one[1] not in OWN_TABLES]
    yield from (f"{what} of {table}: {said}" for what, table, said in ours)
    for view in inspector.get_view_names():
        yield f"view {view}: {' '.join((inspector.get_view_definition(view) or '').split())}"
    if connection.dialect.name == "postgresql":
        yield from _of_postgresql(cast("PGInspector", inspector))


def _of_postgresql(inspector: PGInspector) -> Iterator[str]:
    for one in inspector.get_enums():
        yield f"type {one['name']}: {', '.join(one['labels'])}"
    for name in inspector.get_sequence_names():
        yield f"sequence {name}"


def _written(said: Mapping[str, Any], connection: Connection) -> str:
    """Return what is said in an order of its own, types as they are declared."""
    parts = []
    for key in sorted(said):
        value = said[key]
        if value in (None, {}, [], False, "") or key in COUNTERS:
            continue
        if key == "type":
            value = value.compile(dialect=connection.dialect)
            if connection.dialect.name in MYSQL:
                value = repr(said[key])  # with what compiling leaves out: fsp, unsigned, charset
        parts.append(f"{key} {_plain(value)}")
    return ", ".join(parts)


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        kept = {key: one for key, one in value.items() if one not in (None, {}, [], False)}
        return "{" + ", ".join(f"{key} {_plain(kept[key])}" for key in sorted(kept)) + "}"
    return str(value)
