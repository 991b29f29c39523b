"""Rules for a document of tables, lists and texts, as typed dictionaries declare them.

The type of a key says what it holds; its annotations are the rule that a text must follow and one
sentence for people. The same rules find problems in YAML, each with its line, give the plain values
of what has none, and are a JSON Schema for editors.
"""

from __future__ import annotations

import functools
import re
import shlex
from dataclasses import dataclass
from typing import (
    TYPE_CHECKING,
    Annotated,
    Literal,
    NotRequired,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import yaml

Json = str | list["Json"] | dict[str, "Json"]
Schema = dict[str, object]

_FILE = "the file"


@dataclass(frozen=True, order=True)
class PinProblem:
    line: int
    text: str


class InvalidError(Exception):
    """The document cannot be used."""

    def __init__(self, problems: Iterable[PinProblem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("; ".join(problem.text for problem in self.problems))


@dataclass(frozen=True)
class Text:
    """A word or sentence that `pattern` matches, as written: an unquoted 26.10 stays 26.10.

    `says` is what it must be, `many` what several of them are, in words. A command is split the way
    a shell would split it, and no shell ever sees it. `number` is what a schema says of one that
    YAML reads as a number.
    """

    pattern: str
    says: str
    many: str = ""
    is_command: bool = False
    number: Schema | None = None
    names: tuple[str, ...] = ()

    def check(self, node: yaml.Node, name: str) -> Iterator[PinProblem]:
        if _kind(node) != "scalar" or not re.fullmatch(self.pattern, node.value):
            yield PinProblem(_line(node), f"{name} must be {self.says}{_but_is(node)}")

    def plain(self, node: yaml.Node) -> Json:
        return [*shlex.split(node.value)] if self.is_command else str(node.value)

    def schema(self) -> Schema:
        if self.names:
            return {"enum": [*self.names, *(int(name) for name in self.names if name.isdigit())]}
        text: Schema = {"type": "string", "pattern": f"^(?:{self.pattern})$"}
        if self.number is not None:
            return {"anyOf": [text, {"type": "number"} | self.number]}
        # What YAML makes of a text without quotes.
        typed = {"boolean": "true", "number": "1"}
        others = [each for each, value in typed.items() if re.fullmatch(self.pattern, value)]
        return text | {"type": ["string", *others]} if others else text


@dataclass(frozen=True)
class ListOf:
    item: Text

    def check(self, node: yaml.Node, name: str) -> Iterator[PinProblem]:
        if _kind(node) != "sequence":
            yield PinProblem(
                _line(node), f"{name} must be a list of {self.item.many}{_but_is(node)}"
            )
            return
        for item in node.value:
            yield from self.item.check(item, f"each entry of {name}")

    def plain(self, node: yaml.Node) -> Json:
        return [self.item.plain(item) for item in node.value]

    def schema(self) -> Schema:
        return {"type": "array", "items": self.item.schema()}


@dataclass(frozen=True)
class Key:
    rule: Text | ListOf | Table
    about: str
    required: bool


@dataclass(frozen=True)
class Condition:
    """With one value of `key`, `other` is needed; with the other one it has no meaning."""

    key: str
    needs: str
    refuses: str
    other: str
    what: str

    def check(self, node: yaml.Node, name: str) -> Iterator[PinProblem]:
        values = {str(key.value): value.value for key, value in node.value}
        stated, path = values.get(self.key), _path(name, self.other)
        if stated == self.needs and self.other not in values:
            reason = f"a {self.needs} {self.key} needs {self.what}"
            yield PinProblem(_line(node), f'"{path}" is missing: {reason}')
        if stated == self.refuses and self.other in values:
            reason = f"has no meaning with the {self.refuses} {self.key}"
            yield PinProblem(_line(node), f'"{path}" {reason}')

    def schema(self) -> Schema:
        return {
            "if": {"properties": {self.key: {"const": self.needs}}, "required": [self.key]},
            "then": {"required": [self.other]},
            "else": {"properties": {self.other: False}},
        }


@dataclass(frozen=True)
class Table:
    """The keys that a typed dictionary declares."""

    declared: type
    condition: Condition | None = None

    @functools.cached_property
    def keys(self) -> dict[str, Key]:
        hints = get_type_hints(self.declared, include_extras=True)
        return {name: _key(hint) for name, hint in hints.items()}

    def check(self, node: yaml.Node, name: str) -> Iterator[PinProblem]:
        if _kind(node) != "mapping":
            yield PinProblem(_line(node), f"{name} must be a table of keys{_but_is(node)}")
            return
        yield from self._check_keys(node, name)
        for key, value in node.value:
            if known := self.keys.get(str(key.value)):
                yield from known.rule.check(value, _path(name, str(key.value)))
        if self.condition:
            yield from self.condition.check(node, name)

    def _check_keys(self, node: yaml.Node, name: str) -> Iterator[PinProblem]:
        first: dict[str, int] = {}
        for key_node, _ in node.value:
            key, line = str(key_node.value), _line(key_node)
            if key not in self.keys:
                unknown = f'unknown key "{_path(name, key)}"{_nearest(key, self.keys)}'
                yield PinProblem(line, unknown)
            if key in first:
                set_before = f'"{_path(name, key)}" is already set on line {first[key]}'
                yield PinProblem(line, set_before)
            first.setdefault(key, line)
        for key, each in self.keys.items():
            if each.required and key not in first:
                yield PinProblem(_line(node), f'"{_path(name, key)}" is missing')

    def plain(self, node: yaml.Node) -> Json:
        pairs = ((str(key.value), value) for key, value in node.value)
        return {key: self.keys[key].rule.plain(value) for key, value in pairs}

    def schema(self) -> Schema:
        return {
            "type": "object",
            "additionalProperties": False,
            "required": [name for name, key in self.keys.items() if key.required],
            "properties": {
                name: {"description": key.about, **key.rule.schema()}
                for name, key in self.keys.items()
            },
            **(self.condition.schema() if self.condition else {}),
        }


def checked(root: yaml.Node | None, document: Table) -> Json:
    """The document as plain values; raises `InvalidError` with all its problems."""
    if root is None:
        raise InvalidError([PinProblem(1, "the file is empty")])
    if problems := tuple(document.check(root, _FILE)):
        raise InvalidError(problems)
    return document.plain(root)


def _key(hint: object) -> Key:
    required = get_origin(hint) is not NotRequired
    kind, *notes = get_args(hint if required else get_args(hint)[0])
    (about,) = (note for note in notes if isinstance(note, str))
    rules = [note for note in notes if isinstance(note, Text)]
    conditions = [note for note in notes if isinstance(note, Condition)]
    return Key(rules[0] if rules else _rule(kind, *conditions), about, required)


def _rule(kind: object, condition: Condition | None = None) -> Text | ListOf | Table:
    """What the type itself says, where no annotation does."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        pattern = "|".join(map(re.escape, arguments))
        return Text(pattern, " or ".join(arguments), " and ".join(arguments), names=arguments)
    if origin is Annotated:
        return next(note for note in arguments if isinstance(note, Text))
    if origin is list:
        return ListOf(cast("Text", _rule(arguments[0])))
    return Table(cast("type", kind), condition)


def _kind(node: yaml.Node) -> str:
    """scalar, sequence or mapping: known without importing yaml."""
    return str(getattr(node, "id", ""))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _path(table: str, key: str) -> str:
    return key if table == _FILE else f"{table}.{key}"


def _but_is(node: yaml.Node) -> str:
    if _kind(node) != "scalar":
        return ", not a list" if _kind(node) == "sequence" else ", not a table"
    return f', not "{node.value}"' if node.value else ", not empty"


def _nearest(key: str, known: Iterable[str]) -> str:
    import difflib  # noqa: PLC0415 - for a mistake only

    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f'; did you mean "{near[0]}"?' if near else f"; known here: {', '.join(known)}"
