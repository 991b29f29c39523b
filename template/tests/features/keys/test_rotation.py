"""Rotation in the database: what outsiders see of it, and many who rotate at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from joserfc import jwe, jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, KeySet

from app.core.database import Database
from app.core.sealing import CannotOpen
from app.features.keys import NoKey, decrypt, jobs, keyset, process, rotation, sign
from app.features.keys.keyset import forget
from app.features.keys.master import MasterKeys, UnknownMasterKey, new_master_key
from app.features.keys.rotation import NoSuchKey
from app.features.keys.states import Kind, State
from app.features.keys.tokens import jwks, webhook_signatures
from app.settings import Settings
from tests.claiming import work as work_all
from tests.features.keys.conftest import Later, age

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
URL = "/.well-known/jwks.json"


async def published(client: httpx.AsyncClient) -> KeySet:
    """What somebody else knows, who has only the address."""
    answer = await client.get(URL)
    assert answer.status_code == 200
    assert (await client.head(URL)).headers["ETag"] == answer.headers["ETag"]
    return KeySet.import_key_set(answer.json())


async def signed(database: Database) -> str:
    return sign(await keyset(database.reads), {"sub": "ada"}, MINUTE)


def verified(token: str, keys: KeySet, algorithm: str = "Ed25519") -> object:
    return jwt.decode(token, keys, algorithms=[algorithm]).claims["sub"]


async def states(database: Database, kind: Kind) -> list[str]:
    return [key.state for key in await rotation.find(database.reads) if key.kind is kind]


async def test_outsiders_verify_before_during_and_after_a_rotation(
    client: httpx.AsyncClient, database: Database, later: Later
) -> None:
    first = await signed(database)
    await later(89 * DAY)
    await rotation.rotate(database)
    forget()
    early = await published(client)
    assert await states(database, Kind.SIGNING) == [State.CURRENT, State.NEXT]
    assert verified(await signed(database), early) == "ada"
    await later(DAY)
    await rotation.rotate(database)
    forget()
    second = await signed(database)
    # Who has asked before the new key signed anything needs not ask again.
    assert verified(second, early) == "ada"
    assert verified(first, await published(client)) == "ada"
    await later(7 * DAY)
    await rotation.rotate(database)
    forget()
    with pytest.raises((JoseError, ValueError)):
        verified(first, await published(client))
    assert verified(second, await published(client)) == "ada"
    assert await states(database, Kind.SIGNING) == [State.CURRENT]


async def test_the_document_is_kept_and_says_nothing_private(client: httpx.AsyncClient) -> None:
    answer = await client.get(URL)
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    (key,) = answer.json()["keys"]
    assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}
    again = await client.get(URL, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["Cache-Control"] == answer.headers["Cache-Control"]
    assert again.headers["ETag"] == answer.headers["ETag"]


async def test_a_revoked_key_is_gone_at_once_and_erased(
    client: httpx.AsyncClient, database: Database
) -> None:
    token = await signed(database)
    kid = next(k.kid for k in await rotation.find(database.reads) if k.kind is Kind.SIGNING)
    await rotation.revoke(database, kid)
    forget()
    with pytest.raises((JoseError, ValueError)):
        verified(token, await published(client))
    assert verified(await signed(database), await published(client)) == "ada"
    keys = await keyset(database.reads)
    (revoked,) = keys.of(Kind.SIGNING, State.REVOKED)
    with pytest.raises(NoKey, match="was revoked"):
        keys.material(revoked)
    for unknown in (kid, "0" * 16):
        with pytest.raises(NoSuchKey):
            await rotation.revoke(database, unknown)


async def test_what_others_encrypt_is_read_until_the_overlap_ends(
    client: httpx.AsyncClient, database: Database, later: Later
) -> None:
    await rotation.rotate(database, begin=Kind.ENCRYPTION)
    forget()
    listed = (await client.get(URL)).json()["keys"]
    (key,) = [each for each in listed if each["use"] == "enc"]
    header = {"alg": key["alg"], "enc": "A256GCM", "kid": key["kid"]}
    algorithms = [key["alg"], "A256GCM"]
    token = jwe.encrypt_compact(header, b"text", JWKRegistry.import_key(key), algorithms)
    for wait in (89 * DAY, DAY, 6 * DAY):
        await later(wait)
        await rotation.rotate(database)
        forget()
        assert decrypt(await keyset(database.reads), token) == b"text"
    await later(DAY)
    await rotation.rotate(database)
    forget()
    with pytest.raises(CannotOpen):
        decrypt(await keyset(database.reads), token)


async def test_each_webhook_secret_signs_until_its_overlap_ends(
    database: Database, later: Later
) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(NoKey, match="keys rotate webhook"):
        webhook_signatures(await keyset(database.reads), "msg_1", at, b"{}")
    await rotation.rotate(database, begin=Kind.WEBHOOK)
    forget()
    alone = webhook_signatures(await keyset(database.reads), "msg_1", at, b"{}")
    await rotation.rotate(database, begin=Kind.WEBHOOK)
    await later(DAY)
    await rotation.rotate(database)
    forget()
    both = webhook_signatures(await keyset(database.reads), "msg_1", at, b"{}").split()
    assert len(both) == 2
    assert alone in both


async def test_many_who_rotate_at_once_do_it_once(committing: Database, database_url: str) -> None:
    others = [Database(database_url) for _ in range(4)]
    for _ in range(3):
        await asyncio.gather(*(rotation.rotate(each) for each in (committing, *others)))
        found = Counter((k.kind, k.state) for k in await rotation.find(committing.reads))
        assert found[Kind.DATA, State.CURRENT] == found[Kind.SIGNING, State.CURRENT] == 1
        assert max(found.values()) == 1
        await age(committing, 89 * DAY)
    for each in others:
        await each.close()


async def test_a_job_is_asked_for_once_and_rotates(database: Database, later: Later) -> None:
    await jobs.begin(database)
    assert not await jobs.ask_if_due(database)
    await later(89 * DAY)
    assert await jobs.ask_if_due(database)
    assert await jobs.ask_if_due(database)
    assert await work_all(database) == 1
    assert await states(database, Kind.DATA) == [State.CURRENT, State.NEXT]
    assert not await jobs.ask_if_due(database)


async def test_the_master_key_is_replaced_while_both_are_known(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = new_master_key(), new_master_key()
    monkeypatch.setenv("MASTER_KEY", old)
    process.configure(settings)
    await rotation.rotate(database)
    token = await signed(database)
    monkeypatch.setenv("MASTER_KEY", f"{new},{old}")
    process.configure(settings)
    assert await rotation.rewrap(database) == (2, 2)
    assert await rotation.rewrap(database) == (0, 2)
    monkeypatch.setenv("MASTER_KEY", new)
    process.configure(settings)
    forget()
    assert (await signed(database)).split(".")[0] == token.split(".")[0]
    monkeypatch.setenv("MASTER_KEY", old)
    process.configure(settings)
    forget()
    with pytest.raises(UnknownMasterKey, match=MasterKeys.read(new).first):
        await jobs.begin(database)


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
async def test_other_algorithms_are_a_setting(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, algorithm: str
) -> None:
    monkeypatch.setenv("KEYS_SIGNING", algorithm)
    monkeypatch.setenv("KEYS_KINDS", '["signing"]')
    process.configure(settings)
    await rotation.rotate(database)
    (key,) = jwks(await keyset(database.reads))
    assert key["alg"] == algorithm
    token = await signed(database)
    assert verified(token, KeySet.import_key_set({"keys": [key]}), algorithm) == "ada"


async def test_no_token_outlives_its_key(database: Database) -> None:
    await rotation.rotate(database)
    with pytest.raises(ValueError, match="KEYS_OVERLAP"):
        sign(await keyset(database.reads), {}, 8 * DAY)
