"""`toolchain.yml`: what a project demands of a machine and no other file of it can say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal, cast

from bootstrap.machine import rules
from bootstrap.machine.rules import Condition, InvalidError, Json, PinProblem, Schema, Table, Text

Argv = tuple[str, ...]
Provider = Literal["pyenv", "uv", "system"]
InstallerName = Literal["pip", "uv", "poetry"]

# -- what a text may be ----------------------------------------------------------------------------

_INSIDE = r"(?!/)(?!\.$)(?!(?:[\s\S]*/)?\.\.(?:/|$))[\s\S]+"
_QUOTED = r"""'[^']*'|"(?:\\[\s\S]|[^"\\])*\""""
_SERVICE = (
    r"(redis|mysql|mariadb|postgresql)://([^/@\s]*@)?[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9_-]*)?"
)
ProjectName = Annotated[
    str, Text(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", "lower-case letters, digits and single hyphens")
]
ExactVersion = Annotated[
    str,
    Text(r"[0-9]+(\.[0-9]+){1,2}", "an exact version such as 26.3", types=("string", "number")),
]
Variable = Annotated[str, Text(r"[A-Za-z_][A-Za-z0-9_]*", "the name of a variable", "variables")]
Folder = Annotated[str, Text(r"(~/|/)[^\x00]+", "a folder that starts with ~/ or /")]
Inside = Annotated[
    Path, Text(_INSIDE, "a path inside the project", "paths inside the project", kind="path")
]
ServiceUrl = Annotated[
    str,
    Text(
        _SERVICE,
        "the URL of a redis, mysql, mariadb or postgresql, with a plain name of a database",
        "URLs",
    ),
]
ApiUrl = Annotated[
    str,
    Text(
        r"https?://([A-Za-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]+)?(/[^\s?#]*)?",
        "the URL of an api, such as http://127.0.0.1:8000",
    ),
]
Command = Annotated[
    Argv,
    Text(
        rf"""(?=[\s\S]*[^ \t\r\n])(?:[^\\'"]|\\[\s\S]|{_QUOTED})*""",
        "a command with balanced quotes",
        "commands",
        kind="command",
    ),
]


# -- the keys --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class VenvPin:
    CONDITION: ClassVar = Condition("layout", "shared", "in-project", "root", "a folder")

    layout: Annotated[
        Literal["in-project", "shared"],
        "in-project: the folder .venv of the project. shared: ROOT/PROJECT_PYTHON.",
    ]
    root: Annotated[Folder, "The folder of shared virtual environments, such as ~/venvs."] = ""


@dataclass(frozen=True)
class PackagesPin:
    installer: Annotated[InstallerName, "Who installs the packages into the virtual environment."]
    lock: Annotated[Inside, "The lock that is installed: requirements with hashes, or poetry.lock."]
    hashes: Annotated[
        Literal["required", "none"], "none: the lock has no hashes, and no download is checked."
    ] = "required"


@dataclass(frozen=True)
class PythonPin:
    provider: Annotated[
        Provider, "pyenv builds it (the default), uv downloads it, system finds it on PATH."
    ]


@dataclass(frozen=True)
class DotenvPin:
    file: Annotated[Inside, "The project's .env, which is created once and never replaced."]
    example: Annotated[Inside, "The file that it is created from."]
    secrets: Annotated[
        tuple[Variable, ...], "The variables that get a random value of their own."
    ] = ()


@dataclass(frozen=True)
class MigrationsPin:
    command: Annotated[Command, "Brings the database to the newest revision."]
    versions: Annotated[Inside, "The folder of Alembic's revisions."]


@dataclass(frozen=True)
class HttpClientPin:
    command: Annotated[Command, "Writes the files of the HTTP client."]
    files: Annotated[tuple[Inside, ...], "The files that name the api's base URL."]
    url: Annotated[ApiUrl, "Where the api listens, unless .env sets HOST or PORT."]


@dataclass(frozen=True)
class Toolchain:
    """`toolchain.yml` after validation; commands are already split into words."""

    version: Annotated[Literal["1"], "The version of this file's format."]
    project: Annotated[ProjectName, "The project's name."]
    pip: Annotated[ExactVersion, "The exact pip; quote it, or YAML reads 26.10 as 26.1."]
    venv: Annotated[VenvPin, "Where the virtual environment is."]
    packages: Annotated[PackagesPin, "What is installed in it, and by whom."]
    python: Annotated[PythonPin | None, "Where the Python of .python-version comes from."] = None
    environment: Annotated[DotenvPin | None, "The project's .env."] = None
    services: Annotated[
        tuple[ServiceUrl, ...], "The URLs of the services that must respond here."
    ] = ()
    migrations: Annotated[MigrationsPin | None, "The migrations of the database."] = None
    ide: Annotated[
        tuple[Literal["pycharm", "vscode"], ...], "The IDEs that get to know the interpreter."
    ] = ()
    http_client: Annotated[HttpClientPin | None, "The files of Postman and .http clients."] = None
    proof: Annotated[
        tuple[Command, ...], "The commands that verify that all of it works, such as the tests."
    ] = ()


_DOCUMENT = Table(Toolchain)


def checked(text: str) -> Json:
    """The validated document as plain values; raises `InvalidError` with all its problems."""
    import yaml  # noqa: PLC0415 - 0.1 s; what was valid before is remembered

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = f"not valid YAML: {error.problem or error.context}"
        raise InvalidError([PinProblem(mark.line + 1 if mark else 1, problem)]) from error
    except yaml.YAMLError as error:
        raise InvalidError([PinProblem(1, f"not valid YAML: {error}")]) from error
    return rules.checked(root, _DOCUMENT)


def load(document: Json) -> Toolchain:
    """What `checked` has returned, also when it was kept as JSON since."""
    return cast("Toolchain", _DOCUMENT.load(document))


def json_schema() -> Schema:
    """The JSON Schema of `toolchain.yml`, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "toolchain.yml",
        "description": "What a project that Headstart brings up demands of a machine.",
        **_DOCUMENT.schema(),
    }
