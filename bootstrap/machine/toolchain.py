"""Read `toolchain.yml`: every problem at once, each with the line it is on."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, NotRequired, TypedDict

import yaml

Json = str | list["Json"] | dict[str, "Json"]
Found = Iterator["Problem"]


class VenvTable(TypedDict):
    layout: Literal["in-project", "shared"]
    root: NotRequired[str]


class PythonTable(TypedDict):
    provider: Literal["pyenv", "uv", "system"]


class PackagesTable(TypedDict):
    installer: Literal["pip", "uv", "poetry"]
    lock: str
    hashes: NotRequired[Literal["required", "none"]]


class EnvironmentTable(TypedDict):
    file: str
    example: str
    secrets: NotRequired[list[str]]


class MigrationsTable(TypedDict):
    command: list[str]
    versions: str


class HttpClientTable(TypedDict):
    command: list[str]
    files: list[str]
    url: str


class Toolchain(TypedDict):
    """`toolchain.yml` after validation; commands are already split into words."""

    version: str
    project: str
    pip: str
    venv: VenvTable
    packages: PackagesTable
    python: NotRequired[PythonTable]
    environment: NotRequired[EnvironmentTable]
    services: NotRequired[list[str]]
    migrations: NotRequired[MigrationsTable]
    ide: NotRequired[list[str]]
    http_client: NotRequired[HttpClientTable]
    proof: NotRequired[list[list[str]]]


@dataclass(frozen=True, order=True)
class Problem:
    line: int
    text: str


class InvalidError(Exception):
    """The document cannot be used."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(problem.text for problem in problems))
        self.problems = problems


def parse(text: str) -> Json:
    """The validated document as plain values; raises `InvalidError` with all its problems."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise InvalidError(
            (Problem(line, f"not valid YAML: {error.problem or error.context}"),)
        ) from error
    except yaml.YAMLError as error:
        raise InvalidError((Problem(1, f"not valid YAML: {error}"),)) from error
    if root is None:
        raise InvalidError((Problem(1, "the file is empty"),))
    problems = tuple(sorted(set(DOCUMENT.check(root, "the file"))))
    if problems:
        raise InvalidError(problems)
    return DOCUMENT.value(root)


@dataclass(frozen=True)
class Text:
    """One word or sentence, as written (so an unquoted 26.10 stays 26.10)."""

    accepts: Callable[[str], bool]
    says: str

    def check(self, node: yaml.Node, name: str) -> Found:
        if not isinstance(node, yaml.ScalarNode) or not self.accepts(node.value):
            yield Problem(_line(node), f"{name} must be {self.says}{_but_is(node)}")

    def value(self, node: yaml.Node) -> Json:
        return str(node.value)


@dataclass(frozen=True)
class Command(Text):
    """A command line, split the way a shell would split it; no shell ever sees it."""

    def value(self, node: yaml.Node) -> Json:
        return [*shlex.split(str(node.value))]


@dataclass(frozen=True)
class ListOf:
    item: Text
    says: str

    def check(self, node: yaml.Node, name: str) -> Found:
        if not isinstance(node, yaml.SequenceNode):
            yield Problem(_line(node), f"{name} must be {self.says}{_but_is(node)}")
            return
        for item in node.value:
            yield from self.item.check(item, f"each entry of {name}")

    def value(self, node: yaml.Node) -> Json:
        return [self.item.value(item) for item in node.value]


@dataclass(frozen=True)
class Table:
    required: Mapping[str, Text | ListOf | Table]
    optional: Mapping[str, Text | ListOf | Table]

    @property
    def fields(self) -> dict[str, Text | ListOf | Table]:
        return {**self.required, **self.optional}

    def check(self, node: yaml.Node, name: str) -> Found:
        if not isinstance(node, yaml.MappingNode):
            yield Problem(_line(node), f"{name} must be a table of keys{_but_is(node)}")
            return
        yield from self._check_keys(node, name)
        for key, value in node.value:
            if field := self.fields.get(str(key.value)):
                yield from field.check(value, _path(name, str(key.value)))

    def _check_keys(self, node: yaml.MappingNode, name: str) -> Found:
        first: dict[str, int] = {}
        for key_node, _ in node.value:
            key, line = str(key_node.value), _line(key_node)
            if key not in self.fields:
                yield Problem(line, f'unknown key "{_path(name, key)}"{_nearest(key, self.fields)}')
            if key in first:
                yield Problem(line, f'"{_path(name, key)}" is already set on line {first[key]}')
            first.setdefault(key, line)
        for key in self.required.keys() - first.keys():
            yield Problem(_line(node), f'"{_path(name, key)}" is missing')

    def value(self, node: yaml.Node) -> Json:
        fields = self.fields
        return {str(key.value): fields[str(key.value)].value(value) for key, value in node.value}


@dataclass(frozen=True)
class VenvRules(Table):
    """A shared layout needs to know the folder; an in-project one has no use for it."""

    def check(self, node: yaml.Node, name: str) -> Found:
        yield from super().check(node, name)
        if not isinstance(node, yaml.MappingNode):
            return
        values = {str(key.value): str(value.value) for key, value in node.value}
        if values.get("layout") == "shared" and "root" not in values:
            yield Problem(_line(node), '"venv.root" is missing: a shared layout needs a folder')
        if values.get("layout") == "in-project" and "root" in values:
            yield Problem(_line(node), '"venv.root" has no meaning with the in-project layout')


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _path(table: str, key: str) -> str:
    return key if table == DOCUMENT_NAME else f"{table}.{key}"


def _but_is(node: yaml.Node) -> str:
    if isinstance(node, yaml.SequenceNode):
        return ", not a list"
    if isinstance(node, yaml.MappingNode):
        return ", not a table"
    return f', not "{node.value}"' if node.value else ", not empty"


def _nearest(key: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f'; did you mean "{near[0]}"?' if near else f"; known here: {', '.join(known)}"


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda value: compiled.fullmatch(value) is not None


def _one_of(*names: str) -> Text:
    return Text(names.__contains__, " or ".join(names))


def _is_inside(value: str) -> bool:
    path = PurePosixPath(value)
    return value not in {"", "."} and not path.is_absolute() and ".." not in path.parts


def _is_command(value: str) -> bool:
    try:
        return bool(shlex.split(value))
    except ValueError:
        return False


DOCUMENT_NAME = "the file"
NAME = Text(
    _matches(r"[a-z][a-z0-9]*(-[a-z0-9]+)*"), "lower-case letters, digits and single hyphens"
)
EXACT = Text(_matches(r"[0-9]+(\.[0-9]+){1,2}"), "an exact version such as 26.3")
VARIABLE = Text(_matches(r"[A-Za-z_][A-Za-z0-9_]*"), "the name of a variable")
FOLDER = Text(_matches(r"(~/|/)[^\0]+"), "a folder that starts with ~/ or /")
INSIDE = Text(_is_inside, "a path inside the project")
SERVICE = Text(
    _matches(
        r"(redis|mysql|mariadb|postgresql)://([^/@\s]*@)?[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9_-]*)?"
    ),
    "the URL of a redis, mysql, mariadb or postgresql, with a plain name of a database",
)
URL = Text(
    _matches(r"https?://([A-Za-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]+)?(/[^\s?#]*)?"),
    "the URL of an api, such as http://127.0.0.1:8000",
)
COMMAND = Command(_is_command, "a command with balanced quotes")

DOCUMENT = Table(
    required={
        "version": _one_of("1"),
        "project": NAME,
        "pip": EXACT,
        "venv": VenvRules(
            required={"layout": _one_of("in-project", "shared")}, optional={"root": FOLDER}
        ),
        "packages": Table(
            required={"installer": _one_of("pip", "uv", "poetry"), "lock": INSIDE},
            optional={"hashes": _one_of("required", "none")},
        ),
    },
    optional={
        "python": Table(required={"provider": _one_of("pyenv", "uv", "system")}, optional={}),
        "environment": Table(
            required={"file": INSIDE, "example": INSIDE},
            optional={"secrets": ListOf(VARIABLE, "a list of variables")},
        ),
        "services": ListOf(SERVICE, "a list of URLs"),
        "migrations": Table(required={"command": COMMAND, "versions": INSIDE}, optional={}),
        "ide": ListOf(_one_of("pycharm", "vscode"), "a list of pycharm and vscode"),
        "http_client": Table(
            required={
                "command": COMMAND,
                "files": ListOf(INSIDE, "a list of paths inside the project"),
                "url": URL,
            },
            optional={},
        ),
        "proof": ListOf(COMMAND, "a list of commands"),
    },
)
