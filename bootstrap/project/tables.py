"""What becomes of a feature's tables when it goes, and when it comes back. Pure.

A revision that some database may have is history, and stays. One on top of it does the same the
other way round: so its tables go, and one on top of that brings them again.
"""

import ast
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from bootstrap.errors import Refused
from bootstrap.language import Said
from bootstrap.project.revisions import VERSIONS, Texts
from bootstrap.revision import parse_revision, with_value

_UNDOES = re.compile(r"^Undoes: *(\S+)", re.MULTILINE)
_DROP = "drop "
_ID_LENGTH = 12

# Asks the developer's database for its revisions; None where there is no telling.
AskDatabase = Callable[[], frozenset[str] | None]


def no_database() -> frozenset[str]:
    """There is none."""
    return frozenset()


class TablesChoice(StrEnum):
    """What a person wants of the tables of a feature that goes."""

    ASK = "ask"  # its revisions can go where the database has none of them
    DROP = "drop"  # by a new revision, for every database that has them


@dataclass(frozen=True)
class TableRules:
    """What to do about tables, and whom to ask."""

    choice: TablesChoice = TablesChoice.ASK
    ask: AskDatabase = no_database


@dataclass(frozen=True)
class Arrangement:
    """Revisions that stay although the template takes them away, and new ones by path."""

    stay: frozenset[str] = frozenset()
    new: Texts = field(default_factory=dict)


@dataclass(frozen=True)
class _Link:
    """The newest revision that undoes or redoes another, and whether the tables are there."""

    revision: str
    there: bool


class _History:
    """The revisions of a project: what each comes after, and which was undone by which."""

    def __init__(self, texts: Texts) -> None:
        self.texts: dict[str, str] = {}
        self._parents: dict[str, tuple[str, ...]] = {}
        self._undone_by: dict[str, str] = {}
        for text in texts.values():
            revision = parse_revision(text)
            if revision is None:
                continue
            self.texts[revision.id] = text
            self._parents[revision.id] = revision.parents
            if match := _UNDOES.search(ast.get_docstring(ast.parse(text)) or ""):
                self._undone_by[match[1]] = revision.id

    def last(self, revision: str) -> _Link:
        there = True
        while revision in self._undone_by:
            revision, there = self._undone_by[revision], not there
        return _Link(revision, there)

    def parents(self, revision: str) -> tuple[str, ...]:
        return self._parents[revision]

    def depth(self, revision: str) -> int:
        """How many revisions it comes after."""
        return len(self.up_to([revision]))

    def up_to(self, revisions: Iterable[str]) -> frozenset[str]:
        """Those revisions, and all that they come after."""
        found: set[str] = set()
        left = list(revisions)
        while left:
            if (each := left.pop()) not in found:
                found.add(each)
                left += self._parents.get(each, ())
        return frozenset(found)


def arranged_tables(
    base: Texts, theirs: Texts, ours: Texts, rules: TableRules, today: date
) -> Arrangement:
    """Decide about the revisions that the template takes away, or brings a second time."""
    history = _History(ours)
    going = dict(_revisions(ours, base.keys() & ours.keys() - theirs.keys()))
    coming = dict(_revisions(ours, theirs.keys() & ours.keys() - base.keys()))
    again = [link for each in coming if not (link := history.last(each)).there]
    written = any(history.last(each).revision != each for each in going)
    if going and not written and rules.choice is TablesChoice.ASK:
        _require_unknown(history, frozenset(going), rules.ask())
        going = {}
    # What was undone and brought again is history: its file alone cannot go.
    gone = [link for each in going if (link := history.last(each)).there]
    new = dict(_on_top(history, [*gone, *again], today))
    return Arrangement(frozenset(going.values()), new)


def reversed_revision(text: str, undone: str, identity: str, today: date) -> str:
    """The revision that does the other way round what `text`, the revision `undone`, does."""
    module = ast.parse(text)
    title = (ast.get_docstring(module) or undone).partition("\n")[0]
    title = title.removeprefix(_DROP) if title.startswith(_DROP) else f"{_DROP}{title}"
    header = (
        f'"""{title}\n\nUndoes: {undone}\nRevision ID: {identity}\nRevises: {undone}\n'
        f'Create Date: {today} 00:00:00+00:00\n"""'
    )
    swapped = _swapped(text, module)
    named = with_value(f"{header}\n{_without_docstring(swapped)}", "revision", f'"{identity}"')
    placed = with_value(named or "", "down_revision", f'"{undone}"')
    if placed is None:  # it was read, so it assigns both
        raise ValueError(undone)
    return placed


def _swapped(text: str, module: ast.Module) -> str:
    """The text with what `upgrade` does under the name of `downgrade`, and the reverse."""
    functions = {each.name: each for each in module.body if isinstance(each, ast.FunctionDef)}
    up, down = functions["upgrade"], functions["downgrade"]
    lines = text.split("\n")
    as_up, as_down = _named_like(lines, down, up), _named_like(lines, up, down)
    places = sorted(((up, as_up), (down, as_down)), key=lambda each: -each[0].lineno)
    for function, body in places:
        lines[function.lineno - 1 : function.end_lineno] = body
    return "\n".join(lines)


def _named_like(lines: list[str], function: ast.FunctionDef, other: ast.FunctionDef) -> list[str]:
    """The lines of a function with the name and the docstring of the other one."""
    first = function.lineno - 1
    body = lines[first : function.end_lineno]
    described, instead = (_docstring_lines(each) for each in (function, other))
    if described and instead:
        body[described.start - first : described.stop - first] = lines[instead.start : instead.stop]
    body[0] = body[0].replace(f"def {function.name}", f"def {other.name}", 1)
    return body


def _docstring_lines(function: ast.FunctionDef) -> range | None:
    if ast.get_docstring(function) is None:
        return None
    first = function.body[0]
    return range(first.lineno - 1, first.end_lineno or first.lineno)


def _without_docstring(text: str) -> str:
    module = ast.parse(text)
    if ast.get_docstring(module) is None:
        return text
    return "\n".join(text.split("\n")[module.body[0].end_lineno :])


def _on_top(history: _History, links: Iterable[_Link], today: date) -> Iterator[tuple[str, str]]:
    """New revisions that undo those, the newest first; each comes after the one before it."""
    for undone in sorted((each.revision for each in links), key=history.depth, reverse=True):
        identity = hashlib.sha256(undone.encode()).hexdigest()[:_ID_LENGTH]
        text = reversed_revision(history.texts[undone], undone, identity, today)
        title = re.sub(r"[^a-z0-9]+", "_", text[3 : text.index("\n")].lower()).strip("_")
        yield f"{VERSIONS}{today:%Y%m%d}_{identity}_{title}.py", text


def _revisions(texts: Texts, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Ids and paths."""
    for path in paths:
        if revision := parse_revision(texts[path]):
            yield revision.id, path


def _require_unknown(
    history: _History, going: frozenset[str], applied: frozenset[str] | None
) -> None:
    """Refuse where the database has what goes, or may have it."""
    if applied is None:
        raise _refused(history, going, Said("your database could not be asked whether it has them"))
    if strange := applied - history.texts.keys():
        where = ", ".join(sorted(strange))
        raise _refused(
            history,
            going,
            Said("your database is at {where}, which is in no file here", where=where),
        )
    if history.up_to(applied) & going:
        raise _refused(history, going, Said("your database has them; others may have them too"))


def _refused(history: _History, going: frozenset[str], why: str) -> Refused:
    lowest = min(going, key=history.depth)
    below = ", ".join(history.parents(lowest)) or "base"
    down = f"python -m migrate downgrade {below}"
    return Refused(
        Said("Its tables would stay behind: without its revisions nothing could drop them."),
        why=(
            why,
            Said("the revisions that would go: {revisions}", revisions=", ".join(sorted(going))),
        ),
        next=(
            Said(
                "the same command with --drop-tables: a new revision drops them in every database"
            ),
            Said(
                "or, where only this database has them: {down}, then the same command again",
                down=down,
            ),
        ),
    )
