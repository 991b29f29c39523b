"""`toolchain.yml`: what a project demands of a machine and no other file of it can say."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict, cast

from bootstrap.machine import rules
from bootstrap.machine.rules import Condition, InvalidError, PinProblem, Schema, Table, Text

Provider = Literal["pyenv", "uv", "system"]
InstallerName = Literal["pip", "uv", "poetry", "pdm", "pipenv"]

# -- what a text may be ----------------------------------------------------------------------------

_INSIDE = r"(?!/)(?!\.$)(?!(?:[\s\S]*/)?\.\.(?:/|$))[\s\S]+"
_QUOTED = r"""'[^']*'|["](?:\\[\s\S]|[^"\\])*["]"""
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
SERVICE = (
    r"(redis|mysql|mariadb|postgresql)://([^/@\s]*@)?[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9_-]*)?"
)
ProjectName = Annotated[
    str, Text(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", "lower-case letters, digits and single hyphens")
]
ExactVersion = Annotated[
    str,
    Text(
        r"[0-9]+(\.[0-9]+){1,2}",
        "an exact version such as 26.3",
        # The largest is there for infinity, which no schema can name.
        number={"not": {"type": "integer"}, "minimum": 0, "maximum": 9999},
    ),
]
GroupName = Annotated[
    str,
    Text(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", "the name of a group", "names of groups"),
]
Variable = Annotated[str, Text(_VARIABLE, "the name of a variable", "variables")]
Folder = Annotated[str, Text(r"(~/|/)[^\x00]+", "a folder that starts with ~/ or /")]
Inside = Annotated[str, Text(_INSIDE, "a path inside the project", "paths inside the project")]
ServiceAddress = Annotated[
    str,
    Text(
        rf"{SERVICE}|{_VARIABLE}",
        "the URL of a redis, mysql, mariadb or postgresql, with a plain name of a database, "
        "or a variable of .env that holds one",
        "URLs and variables of .env",
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
    list[str],
    Text(
        rf"""(?=[\s\S]*[^ \t\r\n])(?:[^\\'"]|\\[\s\S]|{_QUOTED})*""",
        "a command with balanced quotes",
        "commands",
        is_command=True,
    ),
]


# -- the keys --------------------------------------------------------------------------------------


_SHARED = Condition("layout", "shared", "in-project", "root", "a folder")


class VenvTable(TypedDict):
    layout: Annotated[
        Literal["in-project", "shared"],
        "in-project: the folder .venv of the project. shared: ROOT/PROJECT_PYTHON.",
    ]
    root: NotRequired[
        Annotated[Folder, "The folder of shared virtual environments, such as ~/venvs."]
    ]


class PackagesTable(TypedDict):
    installer: Annotated[InstallerName, "Who installs the packages into the virtual environment."]
    lock: Annotated[
        Inside,
        "The list that is installed: requirements, poetry.lock, uv.lock, pdm.lock, Pipfile.lock.",
    ]
    hashes: NotRequired[
        Annotated[
            Literal["required", "none"], "none: the lock has no hashes, and no download is checked."
        ]
    ]
    sources: NotRequired[
        Annotated[list[Inside], "The lists that the lock was made of; it must have what they say."]
    ]
    made_by: NotRequired[
        Annotated[Command, "Makes the lock where there is none yet, such as make lock."]
    ]
    version: NotRequired[
        Annotated[ExactVersion, "The exact uv, Poetry, PDM or Pipenv; without it, that on PATH."]
    ]
    project: NotRequired[
        Annotated[Literal["editable"], "editable: the project itself is installed by pip or uv."]
    ]
    extras: NotRequired[
        Annotated[list[GroupName], "The optional dependencies that are installed besides."]
    ]
    groups: NotRequired[
        Annotated[
            list[GroupName], "Only these groups, and the project's own; without it, the usual ones."
        ]
    ]


class PythonTable(TypedDict):
    provider: Annotated[
        Provider, "pyenv builds it (the default), uv downloads it, system finds it on PATH."
    ]


class DotenvTable(TypedDict):
    file: Annotated[Inside, "The project's .env, which is created once and never replaced."]
    example: Annotated[Inside, "The file that it is created from."]
    secrets: NotRequired[
        Annotated[list[Variable], "The variables that get a random value of their own."]
    ]


class MigrationsTable(TypedDict):
    command: Annotated[Command, "Brings the database to the newest revision."]
    versions: Annotated[Inside, "The folder of Alembic's revisions."]


class HttpClientTable(TypedDict):
    command: Annotated[Command, "Writes the files of the HTTP client."]
    files: Annotated[list[Inside], "The files that name the api's base URL."]
    url: Annotated[ApiUrl, "Where the api listens, unless .env sets HOST or PORT."]


class Toolchain(TypedDict):
    """`toolchain.yml` after validation; commands are already split into words."""

    version: Annotated[Literal["1"], "The version of this file's format."]
    project: Annotated[ProjectName, "The project's name."]
    pip: Annotated[ExactVersion, "The exact pip, as it is written: 26.10 is not 26.1."]
    venv: Annotated[VenvTable, "Where the virtual environment is.", _SHARED]
    packages: Annotated[PackagesTable, "What is installed in it, and by whom."]
    python: NotRequired[Annotated[PythonTable, "Where the Python of .python-version comes from."]]
    environment: NotRequired[Annotated[DotenvTable, "The project's .env."]]
    services: NotRequired[
        Annotated[
            list[ServiceAddress],
            "The services that must respond here: URLs, or variables of .env that hold them.",
        ]
    ]
    migrations: NotRequired[Annotated[MigrationsTable, "The migrations of the database."]]
    ide: NotRequired[
        Annotated[list[Literal["pycharm", "vscode"]], "The IDEs that get to know the interpreter."]
    ]
    http_client: NotRequired[Annotated[HttpClientTable, "The files of Postman and .http clients."]]
    proof: NotRequired[
        Annotated[
            list[Command], "The commands that verify that all of it works, such as the tests."
        ]
    ]


_DOCUMENT = Table(Toolchain)


def checked(text: str) -> Toolchain:
    """The validated document; raises `InvalidError` with all its problems."""
    import yaml  # noqa: PLC0415 - 0.1 s; what was valid before is remembered

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = f"not valid YAML: {error.problem or error.context}"
        raise InvalidError([PinProblem(mark.line + 1 if mark else 1, problem)]) from error
    except yaml.YAMLError as error:
        raise InvalidError([PinProblem(1, f"not valid YAML: {error}")]) from error
    return cast("Toolchain", rules.checked(root, _DOCUMENT))


def json_schema() -> Schema:
    """The JSON Schema of `toolchain.yml`, for editors.

    It judges the value that YAML makes of an unquoted text, while `checked` reads the text itself.
    So where a text may be `true` or `1`, it accepts any boolean or number. It cannot tell `1.0`
    from the version 1, refuses an unquoted pip 26.0, which is an integer to it, and knows neither
    `2.65e1` from 26.5, nor the words `null` and `~` from no value.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "toolchain.yml",
        "description": "What a project that Headstart sets up needs on a machine.",
        **_DOCUMENT.schema(),
    }
