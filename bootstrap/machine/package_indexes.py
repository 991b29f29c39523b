"""The private indexes that a project names, and how its tools get in without a word about it.

They are named where uv and Poetry look for them, in pyproject.toml: `[[tool.uv.index]]` and
`[[tool.poetry.source]]`. User and password are in no file of the project. They come from the
variables that uv has for it (https://docs.astral.sh/uv/concepts/authentication/http/), and are
handed to pip in a netrc file that is there as long as pip is: not in an address, which pip would
repeat on the command lines of the builds that it starts. Without these variables each tool asks
the person's own netrc and keyring.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from bootstrap import lockfile, state
from bootstrap.files import text_of
from bootstrap.machine.installers import LOCKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bootstrap.machine.pins import Pins

_TABLES = ("tool.uv.index", "tool.poetry.source")
_PLAIN = re.compile(r"[\w.@%+/:=~-]+")


class Login(NamedTuple):
    """Who asks, and which variables or file say so."""

    user: str
    password: str
    source: str


class PackageIndex(NamedTuple):
    """`address` is without a user; `stated` is the one that an address in the file carried.

    `packages` are those that the project takes from here; a `default` one has all others too.
    """

    name: str
    address: str
    packages: tuple[str, ...] = ()
    default: bool = False
    stated: Login | None = None

    @property
    def variables(self) -> tuple[str, str]:
        """The names of user and password, as uv has them."""
        plain = re.sub(r"[^A-Z0-9]", "_", self.name.upper())
        return f"UV_INDEX_{plain}_USERNAME", f"UV_INDEX_{plain}_PASSWORD"

    @property
    def host(self) -> str:
        return urlsplit(self.address).hostname or ""

    def login(self, environ: Mapping[str, str]) -> Login | None:
        """What the variables say, else the address as it was written."""
        user, password = (environ.get(name, "") for name in self.variables)
        if password:
            return Login(user, password, " and ".join(self.variables))
        return self.stated


def of(root: Path) -> tuple[PackageIndex, ...]:
    """Those of the project in `root`; most have none, and are not parsed for it."""
    text = text_of(root / "pyproject.toml")
    if not any(table in text for table in _TABLES):
        return ()
    import tomllib  # noqa: PLC0415 - as it says

    try:
        tool = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError:
        return ()
    uv, poetry = tool.get("uv", {}), tool.get("poetry", {})
    stated = [*_tables(uv.get("index")), *_tables(poetry.get("source"))]
    wanted = {**_from_poetry(poetry), **_from_uv(uv.get("sources", {}))}
    found = {str(each["name"]): _index(each, wanted) for each in stated if _is_one(each)}
    return tuple(found.values())


def shares(root: Path) -> bool:
    """Whether the project takes packages of its own from one, which its login may be needed for."""
    return any(index.packages for index in of(root))


def are_left_alone(environ: Mapping[str, str]) -> bool:
    """Whether installers are told to ask no index."""
    return bool(environ.keys() & {"PIP_NO_INDEX", "UV_OFFLINE"})


@contextmanager
def reached(pins: Pins, environ: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The environment in which the project's installer asks its indexes too, and may.

    Without a network there is nothing to ask.
    """
    found = () if are_left_alone(environ) else of(pins.root)
    with logged_in(found, environ) as told:
        if pins.lock.name in LOCKS:  # whose tools read pyproject.toml themselves
            yield told
        else:
            yield {
                **told,
                **_as_pip_has_it(found, told),
                **_as_uv_has_it(found, told, hashed=pins.hashed),
            }


@contextmanager
def logged_in(
    indexes: Iterable[PackageIndex], environ: Mapping[str, str]
) -> Iterator[dict[str, str]]:
    """The environment with what the variables say in the words of Poetry and, for pip, of netrc."""
    known = [(each, login) for each in indexes if (login := each.login(environ))]
    if not known:
        yield dict(environ)
        return
    poetry = {
        name.replace("UV_INDEX_", "POETRY_HTTP_BASIC_", 1): value
        for index, login in known
        for name, value in zip(index.variables, login, strict=False)
    }
    entries = "".join(_entry(index.host, login) for index, login in known)
    with _netrc(f"{text_of(own_netrc(environ))}\n{entries}") as file:
        yield {**environ, **poetry, "NETRC": str(file)}


# -- what pyproject.toml says ----------------------------------------------------------------------


def _tables(value: object) -> list[dict[str, object]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _is_one(stated: Mapping[str, object]) -> bool:
    """Whether it is an index with a name: a folder of files needs nobody's help."""
    return "name" in stated and str(stated.get("url", "")).startswith(("http://", "https://"))


def _index(stated: Mapping[str, object], wanted: Mapping[str, str]) -> PackageIndex:
    name, parts = str(stated["name"]), urlsplit(str(stated["url"]))
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
    login = Login(unquote(parts.username or ""), unquote(parts.password or ""), "pyproject.toml")
    return PackageIndex(
        name,
        bare,
        tuple(sorted(package for package, index in wanted.items() if index == name)),
        default=stated.get("default") is True,
        stated=login if "@" in parts.netloc else None,
    )


def _from_uv(sources: Mapping[str, object]) -> dict[str, str]:
    """The index of each package that has one; markers may divide it between several."""
    return {
        lockfile.normalize(name): str(each["index"])
        for name, stated in sources.items()
        for each in _tables(stated if isinstance(stated, list) else [stated])
        if "index" in each
    }


def _from_poetry(table: Mapping[str, object]) -> dict[str, str]:
    groups = table.get("group", {})
    tables = [table.get("dependencies", {})]
    tables += (
        [each.get("dependencies", {}) for each in groups.values()]
        if isinstance(groups, dict)
        else []
    )
    return {
        lockfile.normalize(name): str(stated["source"])
        for dependencies in tables
        if isinstance(dependencies, dict)
        for name, stated in dependencies.items()
        if isinstance(stated, dict) and "source" in stated
    }


# -- as the tools are told -------------------------------------------------------------------------


def _as_pip_has_it(indexes: Iterable[PackageIndex], environ: Mapping[str, str]) -> dict[str, str]:
    """pip takes all indexes for one: what comes from which, only the hashes of a lock can say."""
    found, told = tuple(indexes), dict[str, str]()
    for each in found:
        if each.default and "PIP_INDEX_URL" not in environ:
            told["PIP_INDEX_URL"] = _for_keyrings(each, environ)
    stated = [_for_keyrings(each, environ) for each in found]
    further = [environ.get("PIP_EXTRA_INDEX_URL", "")]
    further += [address for address in stated if address not in told.values()]
    return {**told, "PIP_EXTRA_INDEX_URL": " ".join(further).strip()} if found else {}


def _for_keyrings(index: PackageIndex, environ: Mapping[str, str]) -> str:
    """With the name where that alone is told: pip asks a keyring for the password of a name."""
    user = environ.get(index.variables[0], "")
    if not user or index.login(environ):
        return index.address
    return index.address.replace("//", f"//{quote(user, safe='')}@", 1)


def _as_uv_has_it(
    indexes: Iterable[PackageIndex], environ: Mapping[str, str], *, hashed: bool
) -> dict[str, str]:
    """Of exact versions with hashes any index may be asked; else the first that has the name."""
    stated = " ".join(f"{each.name}={each.address}" for each in indexes)
    if not stated:
        return {}
    told = {"UV_INDEX": f"{stated} {environ.get('UV_INDEX', '')}".strip()}
    return {**told, "UV_INDEX_STRATEGY": "unsafe-best-match"} if hashed else told


def _entry(host: str, login: Login) -> str:
    user, password = (_quoted(word) for word in login[:2])
    return f"machine {host} login {user} password {password}\n"


def _quoted(word: str) -> str:
    if _PLAIN.fullmatch(word):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def own_netrc(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("NETRC") or Path(environ.get("HOME") or Path.home()) / ".netrc")


@contextmanager
def _netrc(text: str) -> Iterator[Path]:
    """A file for this user alone, and gone afterwards; one that a killed run has left goes too."""
    from tempfile import mkstemp  # noqa: PLC0415 - few have such an index

    folder = state.private_dir(state.state_dir() / "netrc")
    for left in folder.iterdir():
        if not _runs(left.name.partition("-")[0]):
            left.unlink(missing_ok=True)
    handle, name = mkstemp(dir=folder, prefix=f"{os.getpid()}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _runs(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
