"""What the server says of the objects that a statement names: their form, before it and after.

Compared, it tells whether a statement was executed; and the first form is what `undo` goes back to.
Which words of a statement are names is not guessed: each is looked up, in every schema.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypedDict

from migrate.transaction import MYSQL

# Sends a question of the kit's own; returns the rows.
Ask = Callable[..., list[tuple[Any, ...]]]


class Form(TypedDict, total=False):
    """An object's kind, its number in the server, and its definition in parts or as a text."""

    kind: str
    id: Any
    # name: definition, in the table's order; and keys, constraints and indexes alike.
    columns: dict[str, str]
    parts: dict[str, str]
    # Indexes that PostgreSQL has begun to build beside their readers, and not finished.
    invalid: list[str]
    text: str


Forms = dict[str, Form]


def read(ask: Ask, kind: str, names: Iterable[str]) -> Forms:
    """Return the objects of these names that there are, by their name in SQL."""
    wanted = sorted({name for name in names if re.search(r"\w", name)})
    if not wanted:
        return {}
    return _of_mysql(ask, wanted) if kind in MYSQL else _of_postgresql(ask, wanted)


def same(before: Mapping[str, Form], now: Mapping[str, Form]) -> bool:
    """Say whether nothing has changed, but for what is not finished."""

    def finished(forms: Mapping[str, Form]) -> dict[str, dict[str, object]]:
        return {
            name: {part: value for part, value in form.items() if part != "invalid"}
            for name, form in forms.items()
        }

    return finished(before) == finished(now)


def unfinished(before: Mapping[str, Form], now: Mapping[str, Form]) -> list[str]:
    """Return the invalid indexes that were not there before."""
    known = {one for form in before.values() for one in form.get("invalid", ())}
    return sorted({one for form in now.values() for one in form.get("invalid", ())} - known)


# -- MySQL and MariaDB -----------------------------------------------------------------------------

IDS = (
    "SELECT table_id FROM information_schema.innodb_tables WHERE name = %s",
    "SELECT table_id FROM information_schema.innodb_sys_tables WHERE name = %s",
)
# What is looked for only if the statement has the word: each question costs.
OTHERS = {
    "trigger": "SELECT trigger_schema, trigger_name FROM information_schema.triggers"
    " WHERE trigger_schema IN (DATABASE(), {0}) AND trigger_name IN ({0})",
    "procedure": "SELECT routine_schema, routine_name FROM information_schema.routines"
    " WHERE routine_schema IN (DATABASE(), {0}) AND routine_name IN ({0})"
    " AND routine_type = 'PROCEDURE'",
    "event": "SELECT event_schema, event_name FROM information_schema.events"
    " WHERE event_schema IN (DATABASE(), {0}) AND event_name IN ({0})",
}
OTHERS["function"] = OTHERS["procedure"].replace("'PROCEDURE'", "'FUNCTION'")
TABLES = (
    "SELECT table_schema, table_name, table_type FROM information_schema.tables"
    " WHERE table_schema IN (DATABASE(), {0}) AND table_name IN ({0}) ORDER BY 1, 2"
)
SCHEMAS = "SELECT schema_name FROM information_schema.schemata WHERE schema_name IN ({0})"
# Which part of SHOW CREATE's answer is the definition.
DEFINITION = {"trigger": 2, "procedure": 2, "function": 2, "event": 3}


def _of_mysql(ask: Ask, names: list[str]) -> Forms:
    marks = ", ".join(["%s"] * len(names))
    ((own,),) = ask("SELECT DATABASE()")
    found: Forms = {}

    def quoted(schema: str, name: str) -> str:
        parts = [name] if schema == own else [schema, name]
        return ".".join(f"`{part.replace('`', '``')}`" for part in parts)

    for schema, name, kind in ask(TABLES.format(marks), *names, *names):
        key = quoted(schema, name)
        text = str(ask(f"SHOW CREATE TABLE {key}")[0][1])
        found[key] = _table(text) if kind == "BASE TABLE" else {"kind": kind, "text": text}
        found[key]["id"] = _id(ask, f"{_in_files(schema)}/{_in_files(name)}")
    for word, query in OTHERS.items():
        for schema, name in ask(query.format(marks), *names, *names) if word in names else ():
            key = quoted(schema, name)
            text = str(ask(f"SHOW CREATE {word} {key}")[0][DEFINITION[word]])
            found[f"{word} {key}"] = {"kind": word, "text": text}
    if {"database", "schema"} & set(names):
        for (name,) in ask(SCHEMAS.format(marks), *names):
            found[f"database `{name}`"] = {"kind": "database", "text": name}
    return found


def _table(text: str) -> Form:
    """Return what SHOW CREATE TABLE says, part by part."""
    columns: dict[str, str] = {}
    parts: dict[str, str] = {}
    text = re.sub(r" AUTO_INCREMENT=\d+", "", text)
    for line in map(str.strip, text.splitlines()[1:-1]):
        definition = line.removesuffix(",")
        name = re.search(r"`((?:[^`]|``)+)`", definition)
        if definition.startswith("`") and name:
            columns[name[1]] = definition[name.end() :].strip()
        else:
            # PRIMARY KEY (`id`) has no name, and needs none.
            words = definition.split(" (", 1)[0]
            parts[words] = definition
    return {"kind": "table", "columns": columns, "parts": parts, "text": text}


def _id(ask: Ask, name: str) -> object:
    """Return InnoDB's number of a table; None for whoever may not see it (PROCESS)."""
    for query in IDS:
        try:
            rows = ask(query, name)
        except Exception:  # noqa: BLE001, S112 - each server has one of them, if we may see it
            continue
        return rows[0][0] if rows else None
    return None


def _in_files(name: str) -> str:
    return "".join(one if re.match(r"[A-Za-z0-9_]", one) else f"@{ord(one):04x}" for one in name)


# -- PostgreSQL ------------------------------------------------------------------------------------

OWN = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
RELATIONS = f"""
SELECT c.oid::bigint, quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind::text,
       CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) ELSE '' END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {OWN} AND lower(c.relname) = ANY(%s) ORDER BY 2"""  # noqa: S608
COLUMNS = """
SELECT quote_ident(a.attname), format_type(a.atttypid, a.atttypmod), a.attnotnull,
       pg_get_expr(d.adbin, d.adrelid), a.attidentity::text, a.attgenerated::text, a.attnum
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
CONSTRAINTS = """
SELECT 'CONSTRAINT ' || quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = %s AND contype <> 'n' ORDER BY 1"""
INDEXES = """
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), pg_get_indexdef(c.oid), i.indisvalid
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE %s IN (i.indrelid, i.indexrelid)
  AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = c.oid AND contype IN ('p', 'u', 'x'))
ORDER BY 1"""
ELSE = {
    "type": f"""SELECT t.oid::bigint, quote_ident(n.nspname) || '.' || quote_ident(typname),
        (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder)
         FROM pg_enum WHERE enumtypid = t.oid)
        FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace
        WHERE {OWN} AND lower(typname) = ANY(%s) AND typtype IN ('e', 'd')""",  # noqa: S608
    "function": f"""SELECT p.oid::bigint, p.oid::regprocedure::text, pg_get_functiondef(p.oid)
        FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
        WHERE {OWN} AND lower(proname) = ANY(%s) AND prokind IN ('f', 'p')""",  # noqa: S608
    "trigger": f"""SELECT t.oid::bigint,
        quote_ident(tgname) || ' ON ' || tgrelid::regclass::text, pg_get_triggerdef(t.oid)
        FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {OWN} AND NOT tgisinternal AND lower(tgname) = ANY(%s)""",  # noqa: S608
    "schema": f"""SELECT n.oid::bigint, quote_ident(nspname), '' FROM pg_namespace n
        WHERE {OWN} AND lower(nspname) = ANY(%s)""",  # noqa: S608
}
KINDS = {"r": "table", "p": "table", "v": "view", "m": "materialized view", "S": "sequence"}
KINDS |= {"i": "index", "I": "index", "c": "type", "f": "foreign table"}


def _of_postgresql(ask: Ask, names: list[str]) -> Forms:
    found: Forms = {}
    for oid, name, relkind, text in ask(RELATIONS, names):
        form: Form = {"kind": KINDS.get(relkind, "table"), "id": oid, "text": text}
        if relkind in ("r", "p"):
            form["columns"] = {column: _column(told) for column, *told in ask(COLUMNS, oid)}
            form["parts"] = dict(ask(CONSTRAINTS, oid))
        indexes = ask(INDEXES, oid) if relkind in ("r", "p", "i", "m") else []
        form["invalid"] = [index for index, _, valid in indexes if not valid]
        form.setdefault("parts", {}).update(
            {f"INDEX {index}": made for index, made, valid in indexes if valid}
        )
        found[name] = form
    asked = {"function" if name == "procedure" else name for name in names}
    for kind, query in ELSE.items():
        for oid, name, text in ask(query, names) if kind in asked else ():
            found[f"{kind} {name}"] = {"kind": kind, "id": oid, "text": text or ""}
    return found


def _column(told: Sequence[Any]) -> str:
    """Return a column as its definition has it, and its number."""
    kind, required, default, identity, generated, number = told
    words = [kind]
    if generated:
        words.append(f"GENERATED ALWAYS AS ({default}) STORED")
    elif identity:
        words.append(f"GENERATED {'ALWAYS' if identity == 'a' else 'BY DEFAULT'} AS IDENTITY")
    elif default is not None:
        words.append(f"DEFAULT {default}")
    words += ["NOT NULL"] if required else []
    return f"{' '.join(words)} /* {number} */"
