"""What takes back a revision that is partly applied: from the forms of before to those of now.

Pure decisions over the journal and what the server says now. The revision's file is not needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from migrate.kit import values
from migrate.kit.forms import Form, Forms, unfinished
from migrate.kit.journal_table import Entry
from migrate.kit.statements import one_line
from migrate.transaction import MYSQL, unquoted, words

WRITES = frozenset({"insert", "update", "delete", "replace", "with", "call", "do", "load", "merge"})
MAKES = (["create"], ["rename"], ["alter"])
# What stands before the name of what is made.
MADE_AS = frozenset({"table", "view", "function", "procedure", "trigger", "event", "type", "to"})
MADE_AS |= {"sequence", "schema", "database", "domain", "exists"}
# Stands for a table under the name that it has now.
THIS = "<this>"
INTO = frozenset({"into", "update", "from"})


@dataclass
class Undo:
    """The statements that take back what was executed, and what none can take back."""

    statements: list[str] = field(default_factory=list)
    obstacles: list[str] = field(default_factory=list)


def before(entries: Sequence[Entry], kind: str) -> tuple[Forms, set[str]]:
    """Return the objects as the revision found them, and the names that may be of objects."""
    first: Forms = {}
    names: set[str] = set()
    for entry in entries:
        if entry.objects is None or entry.state == "failed":
            continue
        said = words(entry.statement, kind)
        for key, form in values.unpacked(entry.objects).items():
            # What an earlier statement named and did not find, is of the revision's own making.
            if key not in first and _bare(key) not in names:
                first[key] = form
        names |= set(said)
    # A function that was called may have written rows.
    called = {entry.statement for entry in entries if "(" in entry.statement and entry.number}
    names |= {"function", *(word for one in called for word in _calls(words(one, kind)))}
    return first, names


def _calls(said: list[str]) -> list[str]:
    return [word for word, follows in pairwise(said) if follows == "("]


def plan(entries: Sequence[Entry], was: Forms, now: Forms, kind: str) -> Undo:
    """Return what brings the objects back to the forms in which the revision found them."""
    undo = Undo()
    moved = _renamed(was, now)
    gone = [key for key in was if key not in now and key not in moved.values()]
    appeared = [key for key in now if key not in was and key not in moved]
    new = [key for key in appeared if _is_made(entries, key, kind)]
    if gone and _cannot_tell(was, now, gone, new):
        undo.obstacles.append(f"renamed or made anew, by hand: {', '.join([*gone, *new])}")
        gone = new = []
    dialect = _OfMysql(_column_renames(entries, kind)) if kind in MYSQL else _OfPostgresql()
    kept = {moved.get(key, key): (key, form) for key, form in now.items() if key not in new}
    ends: list[str] = []
    for key, (at, form) in kept.items():
        if key in was:
            changed = _changed(dialect, key, was[key], form, undo.obstacles)
            undo.statements += [one.replace(THIS, at) for one in changed.drops]
            ends += changed.rest
    undo.statements += dialect.renames(moved)
    goes = _last_first(new, now)
    undo.statements += [dialect.drop(key, now[key]) for key in goes if not _is_used(now[key])]
    undo.statements += ends
    undo.statements += [dialect.drop(key, now[key]) for key in goes if _is_used(now[key])]
    for key in gone:
        undo.obstacles.append(f"its data is gone, and only in a backup: {key}")
        undo.statements += [one for one in [dialect.again(key, was[key])] if one]
    undo.obstacles += _data(entries, now, new, kind)
    return undo


def _is_made(entries: Sequence[Entry], key: str, kind: str) -> bool:
    """Say whether a statement of the revision made what was not there: nothing else is dropped."""
    for entry in entries:
        said = words(entry.statement, kind)
        if not entry.number or entry.state == "failed" or said[:1] not in MAKES:
            continue
        for at in [at for at, word in enumerate(said) if word == _bare(key)]:
            before_it = said[at - 3] if said[at - 1] == "." else said[at - 1]
            if before_it in MADE_AS:
                return True
    return False


def _is_used(form: Form) -> bool:
    """Say whether columns may use it, which go before it."""
    return form["kind"] in ("type", "function", "sequence", "schema", "database")


def differences(was: Forms, now: Forms) -> list[str]:
    """Return what is otherwise than it was, measured."""
    told = []
    for key in sorted({*was, *now}):
        then, there = was.get(key, {}), now.get(key, {})
        parts = ("columns", "parts") if "columns" in then and "columns" in there else ("text",)
        if any(_plain(then.get(part)) != _plain(there.get(part)) for part in parts):
            told.append(key)
    return told


def _plain(part: object) -> object:
    # A column that was made again has another number; parts have no order.
    if isinstance(part, dict):
        return {key: str(value).split(" /* ", 1)[0] for key, value in part.items()}
    return part


def _bare(key: str) -> str:
    """Return the last name in a key, as a statement has it."""
    name = key.partition(" ON ")[0].partition("(")[0]
    name = name.rpartition(" ")[2] if name[-1:] not in ('"', "`") else name
    return unquoted(re.split(r"[.]|^\w+ ", name)[-1]).lower()


def _renamed(was: Forms, now: Forms) -> dict[str, str]:
    """Return which names of now are whose of before: the server's numbers tell."""
    ids = {form["id"]: key for key, form in was.items() if form.get("id") is not None}
    found = {key: ids.get(form.get("id"), key) for key, form in now.items()}
    return {
        key: name
        for key, name in found.items()
        if key != name and was[name]["kind"] == now[key]["kind"]
    }


def _cannot_tell(was: Forms, now: Forms, gone: Iterable[str], new: Iterable[str]) -> bool:
    """Say whether what is gone may be what is new, under another name."""
    if not gone or not new:
        return False
    forms = [*(was[key] for key in gone), *(now[key] for key in new)]
    return any(form["kind"] == "table" and form.get("id") is None for form in forms)


def _last_first(new: Sequence[str], now: Forms) -> list[str]:
    """Return what was made in the order in which it can go: first what refers to others."""
    left = [key for key in new if now[key]["kind"] != "index"]
    order: list[str] = []
    while left:
        free = [
            key for key in left if not any(_refers(now[one], key) for one in left if one != key)
        ]
        order += free or left[:1]
        left = [key for key in left if key not in order]
    return order


def _refers(form: Form, key: str) -> bool:
    texts = [form.get("text") or "", *form.get("parts", {}).values()]
    texts += form.get("columns", {}).values()
    name = re.escape(_bare(key))
    return any(re.search(rf"\b{name}\b", text, re.IGNORECASE) for text in texts if text)


def _data(entries: Sequence[Entry], now: Forms, new: Iterable[str], kind: str) -> list[str]:
    """Return what has changed rows that were there before: only a person can take it back."""
    made = {_bare(key) for key in new}
    functions = {_bare(key) for key, form in now.items() if form["kind"] == "function"}
    return [
        f"cannot be taken back: {one_line(entry.statement)}"
        for entry in entries
        if entry.number and entry.state != "failed"
        if _changed_rows(entry, words(entry.statement, kind), made, functions)
    ]


def _changed_rows(entry: Entry, said: list[str], made: set[str], functions: set[str]) -> bool:
    first = said[0] if said else ""
    if first in ("create", "alter", "drop", "rename"):
        return False
    if first in ("truncate", "call", "do") or (set(said) & functions):
        return True
    if not set(said) & WRITES or not entry.row_count:
        return False
    target = next((said[at + 1] for at, word in enumerate(said[:-1]) if word in INTO), "")
    return target not in made


# -- a table's changes -----------------------------------------------------------------------------


@dataclass
class Changed:
    """What takes back the changes of one object: what goes, and then what comes again."""

    drops: list[str] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)


def _changed(
    dialect: _OfMysql | _OfPostgresql, key: str, was: Form, now: Form, obstacles: list[str]
) -> Changed:
    if "columns" not in was:
        text_changed = was.get("text") != now.get("text")
        if text_changed and not (again := dialect.replaced(key, was)):
            obstacles.append(f"cannot be taken back: the change of {key}")
        return Changed([], [again] if text_changed and again else [])
    return dialect.table(key, was, now, obstacles)


def _columns(was: Form, now: Form, told: Mapping[str, str]) -> dict[str, str]:
    """Return which columns of now are renamed ones of before, by their numbers or as `told`."""
    gone = [name for name in was["columns"] if name not in now["columns"]]
    new = [name for name in now["columns"] if name not in was["columns"]]
    number = {_number(text): name for name, text in was["columns"].items() if _number(text)}
    of = {name: number.get(_number(now["columns"][name])) for name in new}
    by_words = {name.lower(): name for name in gone}
    of |= {name: by_words[told[name.lower()]] for name in new if told.get(name.lower()) in by_words}
    return {name: old for name, old in of.items() if old in gone}


def _number(text: str) -> str:
    return text.rpartition(" /* ")[2] if " /* " in text else ""


def _column_renames(entries: Sequence[Entry], kind: str) -> dict[str, str]:
    """Return the old name by the new one of the columns that MySQL's statements have renamed."""
    renamed: dict[str, str] = {}
    for entry in entries if kind in MYSQL else ():
        said = words(entry.statement, kind)
        for at, word in enumerate(said[:-2]):
            if said[0] != "alter" or entry.state == "failed":
                break
            if word == "change":
                old, new = (
                    said[at + 2 : at + 4] if said[at + 1] == "column" else said[at + 1 : at + 3]
                )
            elif (word, said[at + 1]) == ("rename", "column") and said[at + 3 : at + 4] == ["to"]:
                old, new = said[at + 2], said[at + 4]
            else:
                continue
            if old != new:
                renamed[new] = renamed.pop(old, old)
    return renamed


def _quoted(part: str) -> str:
    found = re.search(r"`(?:[^`]|``)+`", part)
    return found[0] if found else part


class _OfMysql:
    """MySQL and MariaDB: one ALTER TABLE takes back all that was changed, or nothing."""

    def __init__(self, told: Mapping[str, str]) -> None:
        """Know which columns were renamed: the server has no numbers for them."""
        self._told = told

    def table(self, key: str, was: Form, now: Form, obstacles: list[str]) -> Changed:
        gone = {name: text for name, text in now["parts"].items() if was["parts"].get(name) != text}
        back = {name: text for name, text in was["parts"].items() if now["parts"].get(name) != text}
        foreign = [name for name, text in gone.items() if "FOREIGN KEY" in text]
        renamed = _columns(was, now, self._told)
        steps = [f"DROP {self._name(name)}" for name in gone if name not in foreign]
        for name in now["columns"]:
            old = renamed.get(name, name)
            if old not in was["columns"]:
                steps.append(f"DROP COLUMN `{name}`")
            elif old != name:
                steps.append(f"CHANGE `{name}` `{old}` {was['columns'][old]}")
            elif was["columns"][name] != now["columns"][name]:
                steps.append(f"MODIFY `{name}` {was['columns'][name]}")
        place = "FIRST"
        for name, text in was["columns"].items():
            if name not in now["columns"] and name not in renamed.values():
                obstacles.append(f"its data is gone, and only in a backup: {key}, column {name}")
                steps.append(f"ADD COLUMN `{name}` {text} {place}")
            place = f"AFTER `{name}`"
        keys = [f"ADD {text}" for text in back.values() if "FOREIGN KEY" not in text]
        later = [f"ADD {text}" for text in back.values() if "FOREIGN KEY" in text]
        return Changed(
            [f"ALTER TABLE {THIS} DROP FOREIGN KEY {_quoted(name)}" for name in foreign],
            [f"ALTER TABLE {key} {', '.join(part)}" for part in ([*steps, *keys], later) if part],
        )

    def _name(self, name: str) -> str:
        if name.startswith("PRIMARY"):
            return "PRIMARY KEY"
        return f"{'CONSTRAINT' if name.startswith('CONSTRAINT') else 'KEY'} {_quoted(name)}"

    def drop(self, key: str, form: Form) -> str:
        """Return what drops an object that the revision has made."""
        if form["kind"] == "table":
            return f"DROP TABLE {key}"
        return f"DROP {form['kind']} {key.split(' ', 1)[-1]}".replace("BASE ", "")

    def renames(self, moved: Mapping[str, str]) -> list[str]:
        """Return one statement that gives all names back, of tables that swapped them too."""
        if not moved:
            return []
        away = [f"{now} TO `__undo_{at}`" for at, now in enumerate(moved)]
        back = [f"`__undo_{at}` TO {old}" for at, old in enumerate(moved.values())]
        return [f"RENAME TABLE {', '.join([*away, *back])}"]

    def again(self, _key: str, was: Form) -> str | None:
        """Return what makes an object again that the revision has dropped, without its rows."""
        return was.get("text")

    def replaced(self, _key: str, was: Form) -> str | None:
        """Return what gives a view or a routine its text again."""
        if was["kind"] == "VIEW":
            return was["text"].replace("CREATE ", "CREATE OR REPLACE ", 1)
        return None


class _OfPostgresql:
    """PostgreSQL: all of it is one transaction."""

    def table(self, key: str, was: Form, now: Form, obstacles: list[str]) -> Changed:
        gone = [name for name, text in now["parts"].items() if was["parts"].get(name) != text]
        back = {name: text for name, text in was["parts"].items() if now["parts"].get(name) != text}
        drops = [self._drop_part(name) for name in gone]
        drops += [f"DROP INDEX {name}" for name in unfinished({key: was}, {key: now})]
        renamed = _columns(was, now, {})
        rest = [f"ALTER TABLE {key} RENAME COLUMN {new} TO {old}" for new, old in renamed.items()]
        for name, text in now["columns"].items():
            old = renamed.get(name, name)
            if old not in was["columns"]:
                rest.append(f"ALTER TABLE {key} DROP COLUMN {name}")
            elif _plain({"": was["columns"][old]}) != _plain({"": text}):
                rest += self._altered(key, old, was["columns"][old], text)
        for name, text in was["columns"].items():
            if name not in now["columns"] and name not in renamed.values():
                obstacles.append(f"its data is gone, and only in a backup: {key}, column {name}")
                rest.append(f"ALTER TABLE {key} ADD COLUMN {name} {text}")
        for name, text in back.items():
            made = f"ALTER TABLE {key} ADD {name} {text}" if name.startswith("CON") else text
            rest.append(made)
        return Changed(drops, rest)

    def _drop_part(self, name: str) -> str:
        what, _, part = name.partition(" ")
        return f"DROP INDEX {part}" if what == "INDEX" else f"ALTER TABLE {THIS} DROP {name}"

    def _altered(self, key: str, name: str, was: str, now: str) -> list[str]:
        (kind, default, required), new = self._split(was), self._split(now)
        column = f"ALTER TABLE {key} ALTER COLUMN {name}"
        steps = []
        if new[1] and (kind != new[0] or default != new[1]):
            steps.append(f"{column} DROP DEFAULT")
        if kind != new[0]:
            steps.append(f"{column} TYPE {kind} USING {name}::{kind}")
        if default and (kind != new[0] or default != new[1]):
            steps.append(f"{column} SET {default}")
        if required != new[2]:
            steps.append(f"{column} {'SET' if required else 'DROP'} NOT NULL")
        return steps

    def _split(self, text: str) -> tuple[str, str, bool]:
        text = text.split(" /* ", 1)[0]
        required = text.endswith(" NOT NULL")
        kind, word, default = text.removesuffix(" NOT NULL").partition(" DEFAULT ")
        return kind, f"DEFAULT {default}" if word else "", required

    def drop(self, key: str, form: Form) -> str:
        """Return what drops an object that the revision has made."""
        prefixed = key.startswith(f"{form['kind']} ")
        return f"DROP {form['kind']} {key.split(' ', 1)[1] if prefixed else key}"

    def renames(self, moved: Mapping[str, str]) -> list[str]:
        """Return what gives all names back, of tables that swapped them too."""
        tables = {new: old for new, old in moved.items() if " " not in new}
        steps = [f"ALTER TABLE {new} RENAME TO __undo_{at}" for at, new in enumerate(tables)]
        for at, (new, old) in enumerate(tables.items()):
            schema = new.rpartition(".")[0]
            steps.append(f"ALTER TABLE {schema}.__undo_{at} RENAME TO {old.rpartition('.')[2]}")
        return steps

    def again(self, key: str, was: Form) -> str | None:
        """Return what makes a view or a function again; a table's rows are in a backup."""
        return self.replaced(key, was)

    def replaced(self, key: str, was: Form) -> str | None:
        """Return what gives a view or a function its text again."""
        if was["kind"] == "view":
            return f"CREATE OR REPLACE VIEW {key} AS {was['text']}"
        return was["text"] if was["kind"] == "function" else None
