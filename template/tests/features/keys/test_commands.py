"""The operators' commands; and secrets are planted, and looked for in all that anybody sees."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from dramatiq.brokers.stub import StubBroker
from sqlalchemy import MetaData, create_engine, select
from sqlalchemy.exc import StatementError

from app import __main__
from app.core.database import Database
from app.core.errors import InvalidInput
from app.core.logging import log_func_args
from app.core.sealing import CannotOpen
from app.features.keys import (
    Keyset,
    install_worker,
    process,
    reencryption,
    sign,
    webhook_signatures,
)
from app.features.keys.ciphertexts import DATA_BYTES
from app.features.keys.keyset import forget, keyset
from app.features.keys.master import UnknownMasterKey, new_master_key
from app.features.keys.reencryption import Target
from app.features.keys.states import Kind, State
from app.settings import ROOT, Settings
from migrate.engine import make_engine, reading
from tests.databases import emptied_after
from tests.features.keys.conftest import age
from tests.features.keys.people import PEOPLE, Person, hire


class Shown(NamedTuple):
    """What a command has printed, and how it has ended."""

    out: str
    err: str
    code: str | int | None


Run = Callable[..., Shown]
PLAIN = "XX00 canary 1234"


async def empty(database_url: str) -> None:
    async with emptied_after(database_url):
        pass


@pytest.fixture
def run(
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Run]:
    """Run `python -m app keys …` in a place without any `.env`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("MASTER_KEY", new_master_key())
    process.configure(Settings())
    monkeypatch.setattr(reencryption, "targets", lambda table=None: _targets(table))

    def run(*arguments: str) -> Shown:
        monkeypatch.setattr("sys.argv", ["app", "keys", *arguments])
        code: str | int | None = None
        try:
            __main__.main()
        except SystemExit as ended:
            code = ended.code
        return Shown(*capfd.readouterr(), code)

    yield run
    logging.getLogger().handlers = []
    asyncio.run(empty(database_url))


def _targets(table: str | None) -> list[Target]:
    every = [Target(PEOPLE.c.iban), Target(PEOPLE.c.number), Target(PEOPLE.c.secret)]
    return every if table in (None, PEOPLE.name) else []


def listed(run: Run) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(run("list", "--json").out)
    return found


def test_keys_are_made_rotated_and_revoked(run: Run) -> None:
    assert run("rotate").out.splitlines() == [
        "made the current data key",
        "made the current signing key",
    ]
    assert run("rotate").out == "nothing is due\n"
    assert run("rotate", "signing").out == "made the next signing key\n"
    assert "is there already" in run("rotate", "signing").out
    current, following = (key for key in listed(run) if key["kind"] == "signing")
    assert (current["state"], following["state"]) == ("current", "next")
    assert run("revoke", current["kid"]).out.splitlines()[:2] == [
        f"{current['kid']} is revoked now",
        f"{following['kid']} is current now",
    ]
    again = run("revoke", current["kid"])
    assert again.code == f"There is no key {current['kid']} that could be revoked: keys list"
    assert run("list").out.endswith("3 keys\n")


def test_a_webhook_secret_is_shown_alone(run: Run) -> None:
    run("rotate", "webhook")
    (key,) = (key for key in listed(run) if key["kind"] == "webhook")
    shown = run("secret", key["kid"]).out
    assert len(base64.b64decode(shown.strip().removeprefix("whsec_"))) == 32
    assert run("secret", "0" * 16).code == f"There is no webhook key {'0' * 16}: keys list"


def test_columns_are_sealed_again_and_what_is_not_is_told(
    run: Run, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(_hired(database_url))
    old = next(key["kid"] for key in listed(run) if key["kind"] == "data")
    run("revoke", old)
    done = run("reencrypt", "--batch", "1")
    assert "test_people.iban: 2 sealed, 0 left" in done.out
    assert done.out.endswith("3 columns are sealed by the current data key\n")
    assert run("reencrypt", "--table", "nothing").code == (
        "The table nothing has no encrypted column."
    )
    engine = make_engine(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE test_people SET iban = 'k1.0123456789abcdef.AAAA'")
    monkeypatch.setenv("KEYS_OVERLAP", "PT2H")
    asyncio.run(_aged(database_url))
    broken = run("reencrypt")
    assert str(broken.code).startswith("Everything else is sealed by the current key.")
    assert broken.err.count("cannot be opened") == 2
    # What cannot be opened keeps no key that it was not sealed by.
    assert f"deleted {old}: nothing is sealed by it" in broken.out
    assert run("reencrypt", "--batch", "0").code == 2


async def _hired(database_url: str) -> None:
    database = Database(database_url)
    forget()
    async with database.writes() as session:
        for name in ("Ada", "Bob"):
            await hire(session, name, PLAIN)
    await database.close()


def test_keys_of_what_is_sealed_are_not_dropped(run: Run, database_url: str) -> None:
    asyncio.run(_hired(database_url))
    revision = ScriptDirectory(str(ROOT / "migrate")).get_revision("0008")
    with make_engine(database_url).connect() as connection:
        context = MigrationContext.configure(connection)
        with Operations.context(context), pytest.raises(CommandError, match=r"test_people\.iban"):
            revision.module.downgrade()
    assert run("list").out.endswith("2 keys\n")


async def _aged(database_url: str) -> None:
    database = Database(database_url)
    await age(database, timedelta(hours=3))
    await database.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KEYS_KINDS", "data"),
        ("KEYS_AHEAD", "30"),
        ("MASTER_KEY", "change-me"),
        ("MASTER_KEY_FILE", "nowhere"),
    ],
)
def test_settings_that_cannot_be_used_are_told(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    told = str(run("list").code)
    assert name.lower() in told.lower()
    assert "\n" not in told


def test_a_master_key_is_not_made_where_the_database_has_keys_of_another(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run("rotate")
    monkeypatch.setenv("ENVIRONMENT", "development")
    monkeypatch.setenv("MASTER_KEY_MADE", str(tmp_path / "made"))
    monkeypatch.delenv("MASTER_KEY")
    for command in ("list", "rotate", "rewrap"):
        assert "here is none: set that one" in str(run(command).code)
    assert not (tmp_path / "made").exists()


def test_a_worker_does_not_begin_with_another_master_key(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("rotate")
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("SECRET_KEY", "s" * 32)
    install_worker(StubBroker(), Settings())
    monkeypatch.setenv("MASTER_KEY", new_master_key())
    with pytest.raises(UnknownMasterKey):
        install_worker(StubBroker(), Settings())


def test_another_master_key_is_told_and_changes_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("rotate", "webhook")
    before = listed(run)
    monkeypatch.setenv("MASTER_KEY", new_master_key())
    for command in (["list"], ["rewrap"], ["secret", before[-1]["kid"]], ["rotate", "signing"]):
        assert "were wrapped by the master key" in str(run(*command).code)
    assert listed(run) == before


async def _secrets(database_url: str) -> tuple[list[bytes], Keyset]:
    """All that nobody may see."""
    database = Database(database_url)
    forget()
    keys = await keyset(database.reads)
    found = [keys.material(key) for kind in Kind for key in keys.of(kind, State.CURRENT)]
    await database.close()
    return found, keys


def _forms(secret: bytes) -> Iterator[str]:
    """How a secret may look where it is shown: the private numbers of a key pair too."""
    yield repr(secret)[2:-1]
    if len(secret) != DATA_BYTES:
        pair = json.loads(secret)
        yield from (pair[name] for name in ("d", "p", "q") if name in pair)
        return
    yield secret.hex()
    yield base64.b64encode(secret).decode().rstrip("=")
    yield base64.urlsafe_b64encode(secret).decode().rstrip("=")


def _dumped(database_url: str) -> str:
    """Every row of every table, as a dump has it."""
    metadata = MetaData()
    with reading(make_engine(database_url)) as connection:
        metadata.reflect(connection)
        return repr([connection.execute(select(each)).all() for each in metadata.sorted_tables])


def test_no_secret_is_in_any_output(
    run: Run,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    seen = [run("rotate"), run("rotate", "encryption"), run("rotate", "webhook")]
    asyncio.run(_hired(database_url))
    commands = ["list", "list --json", "rotate", "rewrap", "reencrypt", "--help", "rotate --help"]
    seen += [run(*each.split()) for each in [*commands, "revoke nothing", "secret nothing"]]
    secrets, keys = asyncio.run(_secrets(database_url))
    told = [*map(repr, seen), *_misused(keys), repr(process.own()), repr(process.masters())]
    master = process.own().master_key
    assert master is not None
    monkeypatch.setenv("MASTER_KEY", f"{master.get_secret_value()} {PLAIN}")
    seen_last = [run("list"), run("rotate")]
    monkeypatch.setenv("MASTER_KEY", new_master_key())
    seen_last += [run("rewrap"), run("rotate", "data")]
    told += [*map(repr, seen_last), caplog.text, *map(repr, caplog.records), _dumped(database_url)]
    told += capfd.readouterr()
    output = "\n".join(told)
    assert len(secrets) == 4
    forms = [form for secret in secrets for form in _forms(secret)]
    canaries = [PLAIN, "canary", master.get_secret_value(), *forms]
    assert [each for each in canaries if each in output] == []


@log_func_args
def _called(keys: Keyset, held: object, person: Person) -> None:
    raise CannotOpen(f"{keys} {held} {person}")


def _misused(keys: Keyset) -> Iterator[str]:
    """Say what people see who do everything wrong that can be done."""
    ada = Person(name="Ada")
    ada.iban = keys.seal(Person.iban, "1", PLAIN)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    yield repr([keys, vars(keys), ada.iban, ada.iban.text, keys.candidates(Person.number, "x")])
    yield sign(keys, {"sub": "x"}, timedelta(minutes=1))
    yield webhook_signatures(keys, "msg_1", at, b"{}")
    refused = (CannotOpen, InvalidInput, TypeError, StatementError)
    engine = create_engine("sqlite://", hide_parameters=True)
    with engine.connect() as connection:
        attempts: list[Callable[[], object]] = [
            lambda: keys.opened(ada.iban, "2"),  # type: ignore[arg-type]
            lambda: keys.seal(Person.iban, "1", PLAIN * 10),
            lambda: keys.candidates(Person.iban, PLAIN),
            lambda: pickle.dumps(keys),
            lambda: connection.execute(PEOPLE.insert().values(id=1, iban=PLAIN)),
            lambda: connection.execute(PEOPLE.select().where(PEOPLE.c.iban == PLAIN)),
            lambda: _called(keys, vars(keys), ada),
        ]
        for attempt in attempts:
            with pytest.raises(refused) as raised:
                attempt()
            yield "".join(traceback.format_exception(raised.value))
    engine.dispose()
