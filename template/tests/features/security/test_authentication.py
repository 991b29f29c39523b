"""Registered clients: known by their keys, until they are revoked, expire or rotate."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from sqlalchemy import update

from app.core.database import Database
from app.core.logging import correlated
from app.features.security import authentication, clients
from app.features.security.authentication import Known, Recognition
from app.features.security.callers import Untrusted
from app.features.security.clients import Client, ClientKeyRow
from app.features.security.keys import ClientKey
from tests.conftest import COUNTED
from tests.features.security.conftest import register

AT_ONCE = timedelta(0)


@pytest.fixture
def clerk(database: Database) -> Recognition:
    """Recognition that looks every time."""
    return Recognition(database, trust=AT_ONCE)


async def test_a_client_is_known_by_its_key(clerk: Recognition, database: Database) -> None:
    key = await register(database, "things:read")
    caller = await clerk.caller_of(key.written())
    assert caller.id == f"client:{key.number}"
    assert caller.scopes == {"things:read"}
    await clerk.close()


async def test_only_a_digest_is_stored(database: Database) -> None:
    key = await register(database)
    rows = (await database.reads.execute(ClientKeyRow.__table__.select())).mappings().all()
    assert key.secret not in str(rows)
    assert [row["prefix"] for row in rows] == [key.secret[:6]]


async def test_no_other_key_opens(clerk: Recognition, database: Database) -> None:
    key, other = await register(database), await register(database, name="other")
    guesses = [
        ClientKey.new(key.number).written(),
        ClientKey(key.number, other.secret).written(),
        ClientKey.new(999_999).written(),
        key.written()[:-1],
        key.written() + "a",
        f"hs_{key.number}_",
        "hs_",
    ]
    for guess in guesses:
        with pytest.raises(Untrusted, match="not that of a registered client"):
            await clerk.caller_of(guess)


async def test_a_revoked_client_is_refused(clerk: Recognition, database: Database) -> None:
    key = await register(database)
    async with database.writes() as session:
        await clients.revoke(session, key.number)
    with pytest.raises(Untrusted):
        await clerk.caller_of(key.written())


async def test_a_revocation_is_noticed_within_the_time_of_trust(database: Database) -> None:
    key = await register(database)
    clerk = Recognition(database, trust=timedelta(milliseconds=200))
    assert await clerk.caller_of(key.written())
    async with database.writes() as session:
        await clients.revoke(session, key.number)
    await asyncio.sleep(0.25)
    with pytest.raises(Untrusted):
        await clerk.caller_of(key.written())
    await clerk.close()


@pytest.mark.parametrize("table", [Client, ClientKeyRow])
async def test_what_has_expired_is_refused(
    clerk: Recognition, database: Database, table: type[Client | ClientKeyRow]
) -> None:
    key = await register(database)
    async with database.writes() as session:
        await session.execute(update(table).values(expires_at=datetime.now(UTC)))
    with pytest.raises(Untrusted):
        await clerk.caller_of(key.written())


async def test_rotation_overlaps(clerk: Recognition, database: Database) -> None:
    first = await register(database)
    async with database.writes() as session:
        second = await clients.rotate(session, first.number, overlap=timedelta(days=1))
    assert await clerk.caller_of(first.written())
    assert await clerk.caller_of(second.written())
    async with database.writes() as session:
        third = await clients.rotate(session, first.number, overlap=AT_ONCE)
    for old in (first, second):
        with pytest.raises(Untrusted):
            await clerk.caller_of(old.written())
    assert await clerk.caller_of(third.written())
    async with database.writes() as session:
        await clients.revoke(session, first.number)
        with pytest.raises(clients.Revoked):
            await clients.rotate(session, first.number, overlap=AT_ONCE)
    await clerk.close()


async def test_a_new_key_does_not_wait_for_the_trust_in_what_was_known(database: Database) -> None:
    clerk = Recognition(database, trust=timedelta(hours=1))
    first = await register(database)
    assert await clerk.caller_of(first.written())
    async with database.writes() as session:
        second = await clients.rotate(session, first.number, overlap=timedelta(days=1))
    with patch.object(authentication, "RELOAD_PAUSE_SECONDS", 0.0):
        assert await clerk.caller_of(second.written())
    await clerk.close()


async def test_a_known_client_costs_no_statement(database: Database, statements: list[str]) -> None:
    clerk = Recognition(database, trust=timedelta(hours=1))
    key = await register(database)
    with correlated(COUNTED):
        await asyncio.gather(*(clerk.caller_of(key.written()) for _ in range(20)))
        await clerk.close()
        assert statements
        statements.clear()
        for _ in range(20):
            await clerk.caller_of(key.written())
        for _ in range(20):
            with pytest.raises(Untrusted):
                await clerk.caller_of(ClientKey.new(key.number).written())
    assert statements == []


async def test_the_last_use_is_written_once_a_minute(
    database: Database, statements: list[str]
) -> None:
    key = await register(database)
    clerk = Recognition(database, trust=AT_ONCE)
    with correlated(COUNTED):
        for _ in range(10):
            await clerk.caller_of(key.written())
        await clerk.close()
    assert sum(statement.startswith("UPDATE") for statement in statements) == 1
    client, _keys = await clients.get(database.reads, key.number)
    assert client.last_used_at is not None
    assert datetime.now(UTC) - client.last_used_at < timedelta(seconds=10)


def test_keys_are_compared_in_constant_time() -> None:
    known = Known(frozenset(), None, None, None, (("digest", None), ("other", None)))
    with patch("hmac.compare_digest", return_value=False) as compare:
        assert not known.accepts("digest", datetime.now(UTC))
    assert [call.args for call in compare.call_args_list] == [
        ("digest", "digest"),
        ("other", "digest"),
    ]


def test_a_key_does_not_show_its_secret() -> None:
    key = ClientKey.new(7)
    assert key.secret not in repr(key)
    assert ClientKey.read(key.written()) == key
    assert len(key.secret) == 43
