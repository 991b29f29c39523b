"""Operators register, rotate and revoke clients; keys are shown once, and only on stdout."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from app import __main__
from app.features.security.keys import ClientKey
from tests.databases import emptied_after
from tests.things import listed


class Shown(NamedTuple):
    """What a command has printed."""

    out: str
    err: str


Run = Callable[..., Shown]


async def empty(database_url: str) -> None:
    async with emptied_after(database_url):
        pass


@pytest.fixture
def run(
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Run]:
    """Run `python -m app clients …` in a place without any `.env`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database_url)

    def run(*arguments: str) -> Shown:
        monkeypatch.setattr("sys.argv", ["app", "clients", *arguments])
        with listed():
            __main__.main()
        return Shown(*capsys.readouterr())

    yield run
    asyncio.run(empty(database_url))


def register(run: Run, name: str = "billing") -> ClientKey:
    key = ClientKey.read(run("register", name, "--scope", "things:read").out.strip())
    assert key is not None
    return key


def test_a_key_stands_alone_on_standard_output_and_is_never_shown_again(run: Run) -> None:
    shown = run("register", "billing", "--scope", "things:read", "--scope", "things:write")
    key = ClientKey.read(shown.out.removesuffix("\n"))
    assert key is not None
    assert key.secret not in shown.err
    number = str(key.number)
    for arguments in (["list"], ["show", number], ["list", "--json"], ["show", number, "--json"]):
        again = run(*arguments)
        assert "billing" in again.out
        assert "things:read" in again.out
        assert key.secret not in again.out + again.err


def test_rotation_shows_a_new_key_and_when_the_old_one_ends(run: Run) -> None:
    old = register(run)
    shown = run("rotate", str(old.number), "--overlap", "3", "--json")
    new = ClientKey.read(json.loads(shown.out)["key"])
    assert new is not None
    assert new.secret not in shown.err
    keys = json.loads(run("show", str(old.number), "--json").out)["keys"]
    assert [key["prefix"] for key in keys] == [old.prefix, new.prefix]
    assert keys[0]["expires_at"]
    assert keys[1]["expires_at"] is None
    assert f"hs_{old.number}_{old.prefix}…, ends" in run("show", str(old.number)).out


def test_a_client_is_revoked_for_good(run: Run) -> None:
    key = register(run)
    assert "revoked" in run("revoke", str(key.number)).err
    first = json.loads(run("list", "--json").out)[0]["revoked_at"]
    again = json.loads(run("revoke", str(key.number), "--json").out)
    assert again["revoked_at"] == first
    assert "revoked 2" in run("list").out
    with pytest.raises(SystemExit, match="revoked permanently"):
        run("rotate", str(key.number))


def test_a_client_can_be_registered_for_some_days(run: Run) -> None:
    run("register", "visitor", "--scope", "things:read", "--days", "30")
    assert "active until" in run("list").out


def test_the_list_of_nothing_says_how_to_begin(run: Run) -> None:
    shown = run("list")
    assert shown.out == ""
    assert "register" in shown.err
    assert json.loads(run("list", "--json").out) == []


@pytest.mark.parametrize("action", ["show", "rotate", "revoke"])
def test_a_client_that_is_not_there_is_an_error(run: Run, action: str) -> None:
    with pytest.raises(SystemExit, match="There is no client 99999"):
        run(action, "99999")


def test_a_name_is_taken_once(run: Run) -> None:
    register(run)
    with pytest.raises(SystemExit, match="called billing already"):
        register(run)


def test_a_scope_that_no_endpoint_asks_for_is_a_slip_of_the_pen(run: Run) -> None:
    with pytest.raises(SystemExit, match=r"things:raed.*things:read, things:write"):
        run("register", "billing", "--scope", "things:raed")


@pytest.mark.parametrize(
    "arguments", [["--days", "soon"], ["--days", "-1"], ["--days", "1e9"], ["--days", "nan"]]
)
def test_days_are_a_number(run: Run, arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        run("register", "billing", "--scope", "things:read", *arguments)
