"""A project's packages from a private index: from it alone, locked, and its password nowhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bootstrap.machine import package_indexes
from bootstrap.machine.diagnosis.index_access import Answered, reason, repair
from bootstrap.machine.package_indexes import Login, PackageIndex
from tests import indexes
from tests.indexes import LOGIN, PASSWORD, WRONG, Index
from tests.machine.test_plan import PINS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.machine.conftest import Shop

PYPROJECT = """\
[project]
name = "shop"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["iniconfig", "pluggy", "acme-logging>=1"]

[[tool.uv.index]]
name = "shared"
url = "{index}"
explicit = true

[tool.uv.sources]
acme-logging = {{ index = "shared" }}
acme-auth = {{ index = "shared" }}
"""
RELOCK = ("capture", "--relock")
UV = {
    "UV_INDEX": "shared=https://packages.example.com/simple",
    "UV_INDEX_STRATEGY": "unsafe-best-match",
}
INDEX = PackageIndex("shared", "https://packages.example.com/simple", ("acme-logging",))


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Index]:
    with indexes.private(tmp_path / "private") as index:
        index.add("acme-logging", "1.2.0", "ours", "wheel")
        yield index


@pytest.fixture
def public(tmp_path: Path) -> Iterator[Index]:
    """Somebody has uploaded the same names: higher versions, and the same one, altered."""
    with indexes.public(tmp_path / "public") as index:
        index.add("acme-logging", "99.0", "a stranger's", "wheel")
        index.add("acme-logging", "1.2.0", "a stranger's", "wheel")
        index.add("acme-auth", "99.0", "a stranger's", "wheel")
        yield index


@pytest.fixture
def usual(public: Index, tmp_path: Path) -> dict[str, str]:
    return indexes.asking(public, tmp_path / "uv-cache")


@pytest.fixture
def asks(shop: Shop, private: Index) -> Shop:
    """The project, asking for what its lock has not yet."""
    (shop.root / "pyproject.toml").write_text(PYPROJECT.format(index=private.simple))
    shop.edit(
        "toolchain.yml",
        "lock: requirements-dev.lock",
        "lock: requirements-dev.lock\n  sources: [pyproject.toml]",
    )
    return shop


def whose(shop: Shop, module: str) -> str:
    python = str(shop.root / ".venv/bin/python")
    ask = [python, "-c", f"import {module}; print({module}.WHOSE)"]
    return subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.slow
def test_a_shared_package_is_ours_and_its_password_is_nowhere(
    asks: Shop, private: Index, usual: dict[str, str]
) -> None:
    private.add("acme-auth", "2.0", "ours", "sdist")  # whose build asks the indexes again
    asks.edit("pyproject.toml", '"acme-logging>=1"', '"acme-logging>=1", "acme-auth"')
    refused = asks.headstart("up", **usual)
    assert refused.returncode == 4
    assert "lacks what pyproject.toml asks for: acme-logging>=1, acme-auth" in refused.stderr
    assert "headstart capture --relock && headstart up" in refused.stderr
    told = [refused, asks.headstart(*RELOCK, **usual, **LOGIN)]
    lock = (asks.root / "requirements-dev.lock").read_text()
    assert "acme-logging==1.2.0" in lock
    assert "acme-auth==2.0" in lock
    with seen() as command_lines:
        told += [asks.headstart("up", "--json", **usual, **LOGIN)]
    assert told[-1].returncode == 0, told[-1].stdout + told[-1].stderr
    assert whose(asks, "acme_logging") == whose(asks, "acme_auth") == "ours"
    assert any(private.simple in line and "hatchling" in line for line in command_lines)
    told += [asks.headstart(word, "--json", **usual, **LOGIN) for word in ("plan", "doctor")]
    told += [asks.headstart("check", **usual)]
    assert [each.returncode for each in told] == [4, 0, 0, 0, 0, 0]
    said = "".join((*(each.stdout + each.stderr for each in told), *command_lines))
    for secret in (PASSWORD, json.dumps(PASSWORD)[1:-1], "s3cr3t"):
        assert secret not in said
        assert indexes.telling(secret, asks.root, asks.state) == []
    assert not any((asks.state / "netrc").iterdir())


class seen(threading.Thread):  # noqa: N801 - it reads as a word of a sentence
    """Every command line that there was on this machine meanwhile."""

    def __enter__(self) -> set[str]:
        self.lines: set[str] = set()
        self.over = threading.Event()
        self.start()
        return self.lines

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.join()

    def run(self) -> None:
        while not self.over.wait(0.005):
            self.lines.update(indexes.command_lines().values())


@pytest.mark.slow
def test_each_reason_why_an_index_gives_nothing_is_told(
    asks: Shop, private: Index, usual: dict[str, str], tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login team password guessed\n")
    for variables, cause, step in (
        ({}, "asks for a user and a password", "export UV_INDEX_SHARED_USERNAME=…"),
        (WRONG, "refuses the user and the password of UV_INDEX_SHARED_USERNAME", "correct UV_"),
        ({"NETRC": str(netrc)}, f"of {netrc} (403)", f"correct {netrc}"),
    ):
        failed = asks.headstart(*RELOCK, **usual, **variables)
        assert failed.returncode == 1
        assert cause in failed.stderr
        assert step in failed.stderr
    asks.edit("pyproject.toml", "acme-auth =", "acme-other =")
    asks.edit("pyproject.toml", '"acme-logging>=1"', '"acme-logging>=1", "acme-other"')
    unknown = asks.headstart(*RELOCK, **usual, **LOGIN)
    assert "has no package acme-other." in unknown.stderr
    asks.edit("pyproject.toml", ', "acme-other"', "")
    asks.edit("pyproject.toml", 'acme-other = { index = "shared" }\n', "")
    assert asks.headstart(*RELOCK, **usual, **LOGIN).returncode == 0
    nobody = asks.headstart("up", **usual)
    assert nobody.returncode == 1
    assert "asks for a user and a password, and nobody has told them here." in nobody.stderr
    with indexes.served(tmp_path / "gone") as gone:
        pass
    asks.edit("pyproject.toml", private.simple, gone.simple)
    unreachable = asks.headstart("up", **usual, **LOGIN)
    assert f"({gone.simple}) cannot be reached: Connection refused." in unreachable.stderr
    asks.edit("pyproject.toml", gone.simple, private.simple)
    replaced = next(private.folder.glob("acme_logging-1.2.0*"))
    replaced.write_bytes((tmp_path / "public" / replaced.name).read_bytes())
    altered = asks.headstart("up", **usual, **LOGIN)
    assert "A downloaded package is not the one that was locked." in altered.stderr
    assert "--hash" not in altered.stderr


@pytest.mark.slow
def test_a_vendor_folder_has_them_and_then_no_index_is_asked(
    asks: Shop, usual: dict[str, str], tmp_path: Path
) -> None:
    assert asks.headstart(*RELOCK, **usual, **LOGIN).returncode == 0
    assert asks.headstart("up", **usual, **LOGIN).returncode == 0
    refused = asks.headstart("vendor", **usual)
    assert "asks for a user and a password" in refused.stderr
    filled = asks.headstart("vendor", **usual, **LOGIN)
    assert filled.returncode == 0, filled.stderr
    asks.edit("pyproject.toml", "http://127.0.0.1", "http://127.0.0.9")
    (asks.root / ".venv").rename(tmp_path / "old")
    done = asks.headstart("up", "--offline")
    assert done.returncode == 0, done.stderr
    assert whose(asks, "acme_logging") == "ours"


@pytest.mark.slow
def test_uv_in_place_of_pip_takes_them_from_there_too(asks: Shop, usual: dict[str, str]) -> None:
    assert asks.headstart(*RELOCK, **usual, **LOGIN).returncode == 0
    asks.edit("toolchain.yml", "installer: pip", "installer: uv")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = asks.headstart("up", PATH=path, **usual, **LOGIN)
    assert done.returncode == 0, done.stderr
    assert whose(asks, "acme_logging") == "ours"


@pytest.mark.slow
def test_uv_asks_a_keyring_for_the_password_of_a_name(
    asks: Shop, usual: dict[str, str], tmp_path: Path
) -> None:
    keyring = tmp_path / "bin/keyring"
    keyring.parent.mkdir()
    keyring.write_text(f"#!/bin/sh\n[ \"$1 $3\" = 'get team' ] && echo '{PASSWORD}'\n")
    keyring.chmod(0o755)
    told = {
        "UV_INDEX_SHARED_USERNAME": "team",
        "UV_KEYRING_PROVIDER": "subprocess",
        "PATH": f"{keyring.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    assert asks.headstart(*RELOCK, **usual, **told).returncode == 0
    asks.edit("toolchain.yml", "installer: pip", "installer: uv")
    done = asks.headstart("up", **usual, **told)
    assert done.returncode == 0, done.stderr
    assert whose(asks, "acme_logging") == "ours"
    assert indexes.telling("s3cr3t", asks.root, asks.state) == []


# -- decisions -------------------------------------------------------------------------------------


def test_indexes_are_those_of_uv_and_poetry(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[[tool.uv.index]]\nname = "one-a"\nurl = "https://me:p%40ss@one.example/simple/"\n'
        '[[tool.uv.index]]\nname = "flat"\nurl = "./wheels"\nformat = "flat"\n'
        '[[tool.uv.index]]\nurl = "https://nameless.example/simple"\ndefault = true\n'
        '[[tool.poetry.source]]\nname = "two"\nurl = "https://two.example/simple"\n'
        '[tool.uv.sources]\nAcme_A = [{ index = "one-a", marker = "x" }, { git = "y" }]\n'
        '[tool.poetry.group.dev.dependencies]\nacme-b = { version = "1", source = "two" }\n'
    )
    one, two = package_indexes.of(tmp_path)
    assert (one.name, one.address, one.packages) == (
        "one-a",
        "https://one.example/simple",
        ("acme-a",),
    )
    assert one.login({}) == Login("me", "p@ss", "pyproject.toml")
    assert one.variables == ("UV_INDEX_ONE_A_USERNAME", "UV_INDEX_ONE_A_PASSWORD")
    assert (two.name, two.packages, two.login({})) == ("two", ("acme-b",), None)
    (tmp_path / "pyproject.toml").write_text("[[tool.uv.index]\n")
    assert package_indexes.of(tmp_path) == package_indexes.of(tmp_path / "none") == ()


def test_a_netrc_is_whole_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import netrc  # noqa: PLC0415

    monkeypatch.setenv("HEADSTART_STATE_DIR", str(tmp_path / "state"))
    own = tmp_path / "own"
    own.write_text("machine other.example login me password mine\n")
    left = tmp_path / "state/netrc/4194305-of-a-killed-run"
    left.parent.mkdir(parents=True)
    left.touch()
    environ = {"NETRC": str(own), **LOGIN}
    with package_indexes.logged_in([INDEX], environ) as told:
        file = Path(told["NETRC"])
        read = netrc.netrc(str(file))
        assert file.stat().st_mode & 0o077 == 0
    assert read.authenticators("packages.example.com") == ("team", "", PASSWORD)
    assert read.authenticators("other.example") == ("me", "", "mine")
    assert told["POETRY_HTTP_BASIC_SHARED_PASSWORD"] == PASSWORD
    assert not file.exists()
    assert not left.exists()
    with package_indexes.logged_in([INDEX], {"NETRC": str(own)}) as told:
        assert told == {"NETRC": str(own)}


def test_pip_is_told_the_name_whose_password_a_keyring_has(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT.format(index=INDEX.address))
    pins = replace(PINS, root=tmp_path, lock=tmp_path / "requirements-dev.lock")
    user = {"UV_INDEX_SHARED_USERNAME": "me@example.com", "PIP_EXTRA_INDEX_URL": "https://a"}
    with package_indexes.reached(pins, user) as told:
        extra = "https://a https://me%40example.com@packages.example.com/simple"
        assert told == {**user, "PIP_EXTRA_INDEX_URL": extra, **UV}
    with package_indexes.reached(pins, {"PIP_NO_INDEX": "1"}) as told:
        assert told == {"PIP_NO_INDEX": "1"}


@pytest.mark.parametrize(
    ("status", "login", "cause", "step"),
    [
        (200, None, None, None),
        (404, None, "has no package acme-logging.", "upload it there"),
        (401, None, "asks for a user and a password", "export UV_INDEX_SHARED_USERNAME=…"),
        (401, Login("me", "x", "/home/me/.netrc"), "of /home/me/.netrc (401)", "correct /home/me"),
        (
            403,
            None,
            "refuses whoever tells no name (403)",
            "or write into ~/.netrc: machine packages",
        ),
        (503, None, "is out of order: it answers 503", "try again later"),
        (0, None, "cannot be reached: no route.", "HTTPS_PROXY"),
    ],
)
def test_what_an_answer_means(
    status: int, login: Login | None, cause: str | None, step: str | None
) -> None:
    answered = Answered(status, "no route")
    told = reason(INDEX, "acme-logging", login, answered)
    assert (told is None) == (cause is None)
    assert (cause or "") in (told or "")
    assert step is None or step in "\n".join(repair(INDEX, login, answered))
    assert reason(INDEX, "", None, Answered(404)) is None  # not each has a list of all packages
