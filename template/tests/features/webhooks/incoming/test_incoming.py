"""Webhooks arrive: what is certainly its sender's is stored once, and nothing else has effects."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import OctKey
from pydantic import ValidationError

from app.core import jwks
from app.core.database import Database
from app.core.jwks import Jwks, KeysUnavailable, Patience, UnknownKey
from app.features.webhooks.incoming import inbox
from app.features.webhooks.incoming.decoding import get_public_key
from app.features.webhooks.incoming.messages import NotNow
from app.features.webhooks.incoming.models import State
from app.features.webhooks.incoming.senders import senders
from app.features.webhooks.incoming.settings import read
from app.features.webhooks.signatures import Secret
from app.settings import Environment, Settings, explained
from tests.features.webhooks.incoming.conftest import Done
from tests.features.webhooks.incoming.sources import (
    OURS,
    SECRETS,
    Files,
    Issuer,
    content,
    encrypted,
    standard,
)

pytestmark = pytest.mark.anyio

Receive = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def receive(client: httpx.AsyncClient) -> Receive:
    """Send a message, and wait until what was stored is applied."""

    async def sent(source: str, message: str | Mapping[str, Any]) -> httpx.Response:
        given = {"content": message} if isinstance(message, str) else message
        return await client.post(f"/webhooks/{source}", **given)

    return sent


async def ended(database: Database) -> list[str]:
    """Return the states of all messages when none is waiting any more, the newest first."""
    async with asyncio.timeout(20):
        while True:
            states = [each.state for each in await inbox.find(database.reads, 50)]
            if State.RECEIVED not in states:
                return states
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("kid", ["ed", "rsa", "ec"])
async def test_a_signed_message_is_applied(
    receive: Receive, issuer: Issuer, database: Database, kid: str
) -> None:
    issuer.published = [kid]
    answer = await receive("hr", issuer.signed(content(jti="m-1"), kid))
    assert (answer.status_code, answer.json()) == (
        202,
        {"success": True, "data": {"id": "m-1", "state": "accepted"}},
    )
    assert await ended(database) == [State.APPLIED]
    assert Done.effects == [("note", "s-1", "")]


@pytest.mark.parametrize("kid", list(OURS))
async def test_an_encrypted_message_is_applied(
    receive: Receive, issuer: Issuer, database: Database, kid: str
) -> None:
    answer = await receive("sealed", encrypted(issuer.signed(content()), kid))
    assert answer.status_code == 202
    assert await ended(database) == [State.APPLIED]


@pytest.mark.parametrize("secrets", [SECRETS[:1], SECRETS[1:], (Secret.new(), *SECRETS)])
async def test_a_message_signed_by_any_shared_secret_is_applied(
    receive: Receive, database: Database, secrets: tuple[Secret, ...]
) -> None:
    said = content()
    said["type"] = said.pop("action")
    assert (await receive("crm", standard(said, secrets))).status_code == 202
    assert await ended(database) == [State.APPLIED]


def by_the_public_key(issuer: Issuer) -> str:
    """The oldest trick: a MAC, by what everybody knows."""
    known = OctKey.import_key(json.dumps(issuer.keys["ed"].as_dict(private=False)).encode())
    said = json.dumps(content(jti="m-1", iat=time.time(), aud="shop"))
    return jws.serialize_compact({"alg": "HS256", "kid": "ed"}, said, known, algorithms=["HS256"])


def unsigned(issuer: Issuer) -> str:
    header, payload, _ = issuer.signed(content()).split(".")
    return f"eyJhbGciOiJub25lIiwia2lkIjoiZWQifQ.{payload}." if header else ""


def tampered(issuer: Issuer) -> str:
    header, payload, signature = issuer.signed(content()).split(".")
    return f"{header}.{payload[:-4]}AAAA.{signature}"


UNTRUSTED: dict[str, Callable[[Issuer], tuple[str, str | Mapping[str, Any]]]] = {
    "nothing": lambda _: ("hr", ""),
    "no token": lambda _: ("hr", '{"action": "note"}'),
    "tampered": lambda issuer: ("hr", tampered(issuer)),
    "unsigned": lambda issuer: ("hr", unsigned(issuer)),
    "by the public key": lambda issuer: ("hr", by_the_public_key(issuer)),
    "another key": lambda issuer: ("hr", issuer.signed(content(), "ec")),
    "another kind of key": lambda issuer: ("hr", issuer.signed(content(), "rsa", kid="ed")),
    "another's": lambda issuer: ("hr", issuer.signed(content(aud="others"))),
    "too old": lambda issuer: ("hr", issuer.signed(content(iat=time.time() - 301))),
    "too early": lambda issuer: ("hr", issuer.signed(content(iat=time.time() + 301))),
    "not encrypted": lambda issuer: ("sealed", issuer.signed(content())),
    "packed": lambda issuer: ("sealed", encrypted(issuer.signed(content()), zip="DEF")),
    "for no key of ours": lambda issuer: ("sealed", encrypted(issuer.signed(content()), kid="x")),
    "for any key of ours": lambda issuer: ("sealed", encrypted(issuer.signed(content()), kid="")),
    "no headers": lambda _: ("crm", {"content": b"{}"}),
    "another secret": lambda _: ("crm", standard(content(), [Secret.new()])),
    "an hour ago": lambda _: (
        "crm",
        standard(content(), at=datetime.now(UTC) - timedelta(hours=1)),
    ),
    "expired": lambda issuer: ("hr", issuer.signed(content(exp=time.time() - 30))),
    "not yet": lambda issuer: ("hr", issuer.signed(content(nbf=time.time() + 30))),
    "other content": lambda _: ("crm", standard(content()) | {"content": b"{}"}),
}


async def test_what_is_not_certainly_its_senders_gets_one_answer_and_has_no_effect(
    receive: Receive, issuer: Issuer, database: Database
) -> None:
    told = {}
    for case, sent in UNTRUSTED.items():
        answer = await receive(*sent(issuer))
        assert answer.headers["content-type"] == "application/problem+json"
        told[case] = (answer.status_code, answer.json()["detail"])
    assert told == dict.fromkeys(UNTRUSTED, (401, "the message cannot be verified"))
    assert await ended(database) == []


async def test_a_message_that_is_sent_again_has_one_effect(
    receive: Receive, issuer: Issuer, database: Database
) -> None:
    said = content(jti="m-1")
    first = await receive("hr", issuer.signed(said))
    again = await receive("hr", issuer.signed(said | {"iat": time.time() + 1}))
    told = [(each.status_code, each.json()["data"]["state"]) for each in (first, again)]
    assert told == [(202, "accepted"), (200, "duplicate")]
    await ended(database)
    assert len(Done.effects) == 1


async def test_duplicates_at_the_same_time_are_one(receive: Receive, database: Database) -> None:
    message = standard(content())
    answers = await asyncio.gather(*(receive("crm", message) for _ in range(5)))
    assert sorted(each.status_code for each in answers) == [200, 200, 200, 200, 202]
    await ended(database)
    assert len(Done.effects) == 1


async def test_the_id_of_another_message_is_a_conflict(
    receive: Receive, database: Database
) -> None:
    await receive("crm", standard(content(), message_id="m-1"))
    other = await receive("crm", standard(content(subject="s-2"), message_id="m-1"))
    assert other.status_code == 409
    await ended(database)
    assert [subject for _, subject, _ in Done.effects] == ["s-1"]


async def test_sources_do_not_share_ids(
    receive: Receive, issuer: Issuer, database: Database
) -> None:
    said = content()
    assert (await receive("crm", standard(said, message_id="m-1"))).status_code == 202
    assert (await receive("hr", issuer.signed(said | {"jti": "m-1"}))).status_code == 202
    assert await ended(database) == [State.APPLIED] * 2


async def test_an_action_that_nobody_knows_is_kept_and_not_refused(
    receive: Receive, database: Database
) -> None:
    answer = await receive("crm", standard(content("promote")))
    assert (answer.status_code, answer.json()["data"]["state"]) == (202, "ignored")
    (found,) = await inbox.find(database.reads, 9)
    assert (found.state, found.detail) == (State.IGNORED, "nothing in test does promote")


BROKEN: dict[str, tuple[Any, str]] = {
    "no JSON": (b"{", "body"),
    "a list": (b"[]", "body"),
    "no action": ({"data": {}}, "body.action"),
    "an odd action": (content("a b"), "body.action"),
    "no subject": (content() | {"data": {}}, "body.note.data.subject"),
    "no time": (content() | {"timestamp": "soon"}, "body.note.timestamp"),
    "no zone": (content() | {"timestamp": "2026-01-01T00:00:00"}, "body.note.timestamp"),
    "the future": (content() | {"timestamp": "2099-01-01T00:00:00Z"}, "body.timestamp"),
    "no version": (content(version=-1), "body.note.version"),
    "a NUL": (content(subject="a\0b"), "body"),
    "a long subject": (content(subject="s" * 201), "body"),
}


async def test_what_its_sender_has_written_wrongly_is_told(
    receive: Receive, database: Database
) -> None:
    told = {}
    for case, (said, _) in BROKEN.items():
        answer = await receive("crm", standard(said))
        told[case] = (answer.status_code, answer.json()["errors"][0]["location"])
    assert told == {case: (422, where) for case, (_, where) in BROKEN.items()}
    assert await ended(database) == []


async def test_claims_that_are_missing_are_told(receive: Receive, issuer: Issuer) -> None:
    for claim, value in {"jti": None, "iat": "soon", "exp": "soon", "aud": None}.items():
        answer = await receive("hr", issuer.signed(content() | {claim: value}))
        told = (answer.status_code, answer.json()["errors"][0]["location"])
        assert told == (422, f"body.{claim}")


async def test_what_is_too_large_is_not_read(client: httpx.AsyncClient) -> None:
    async def endless() -> Any:
        read = 0
        while True:
            read += 1
            assert read < 100, "all of it was read"
            yield b"x" * 1024

    for body in (b"x" * (64 * 1024 + 1), endless()):
        answer = await client.post("/webhooks/crm", content=body)
        assert (answer.status_code, answer.headers["connection"]) == (413, "close")


async def test_nothing_is_where_no_source_is(client: httpx.AsyncClient) -> None:
    assert (await client.post("/webhooks/others", content=b"{}")).status_code == 404
    assert "/webhooks" not in (await client.get("/openapi.json")).text


async def test_a_source_that_rotates_its_key_goes_on(receive: Receive, issuer: Issuer) -> None:
    assert (await receive("hr", issuer.signed(content()))).status_code == 202
    issuer.published = ["rsa"]
    tokens = [issuer.signed(content(subject=str(number)), "rsa") for number in range(10)]
    answers = await asyncio.gather(*(receive("hr", each) for each in tokens))
    assert {each.status_code for each in answers} == {202}
    assert (await receive("hr", issuer.signed(content(), "ed"))).status_code == 401


async def test_a_source_that_is_away_is_known_by_its_last_keys(
    receive: Receive, issuer: Issuer
) -> None:
    assert (await receive("hr", issuer.signed(content()))).status_code == 202
    issuer.down = True
    assert (await receive("hr", issuer.signed(content()))).status_code == 202


async def test_without_any_keys_a_message_is_worth_sending_again(
    receive: Receive, issuer: Issuer
) -> None:
    issuer.down = True
    answer = await receive("hr", issuer.signed(content()))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_a_key_that_may_be_new_is_worth_sending_again_after_the_pause(
    settings: Settings, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBHOOKS_KEYS_PAUSE", "PT0.05S")
    sender = senders(read(settings))["hr"]
    messages = {by: issuer.signed(content(), by).encode() for by in ("ed", "rsa")}
    assert await get_public_key(sender, messages["ed"], {})
    issuer.published = ["ed", "rsa"]
    with pytest.raises(NotNow) as told:
        await get_public_key(sender, messages["rsa"], {})
    assert told.value.headers == {"Retry-After": "1"}
    await asyncio.sleep(0.05)
    assert await get_public_key(sender, messages["rsa"], {})
    await sender.close()


BAD_KEYS: dict[str, Callable[[bytes], tuple[bytes, dict[str, str]]]] = {
    "nested deeply": lambda _: (b"[" * 100_000, {}),
    "too large": lambda right: (right + b" " * 300_000, {}),
    "packed": lambda right: (gzip.compress(right), {"Content_Encoding": "gzip"}),
    "trickling": lambda right: (right, {"Slow": "yes"}),
}


@pytest.mark.parametrize("case", BAD_KEYS)
async def test_a_source_whose_keys_cannot_be_read_is_away_until_they_can(
    files: Files, issuer: Issuer, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.setattr(jwks, "TIMEOUT_SECONDS", 0.15)
    body, headers = BAD_KEYS[case](issuer.document())
    source = Jwks(files.add("/keys", body, 200, **headers), Patience(pause=timedelta(0)))
    with pytest.raises(KeysUnavailable):
        await source.key("ed")
    files.add("/keys", issuer.document())
    assert await source.key("ed")
    await source.close()


async def test_a_withdrawn_key_is_asked_for_before_it_is_believed(issuer: Issuer) -> None:
    now = 0.0
    source = Jwks(issuer.url, Patience(), clock=lambda: now)
    issuer.published = ["ed", "rsa"]
    assert await source.key("rsa")
    issuer.published, now = ["ed"], 3500.0
    with pytest.raises(UnknownKey):
        await source.key("rsa")
    issuer.down, now = True, 7000.0
    assert await source.key("ed")
    await source.close()


async def test_made_up_keys_cost_a_source_one_look(issuer: Issuer) -> None:
    jwks = Jwks(issuer.url, Patience())
    for number in range(20):
        with pytest.raises(UnknownKey):
            await jwks.key(f"made-up-{number}")
    await jwks.close()
    assert issuer.fetches == 1


async def test_logs_say_why_and_show_nothing_secret(
    receive: Receive, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await receive("crm", standard(content(), [Secret.new()]))
    await receive("hr", issuer.signed(content(text="to be found nowhere")))
    assert "no signature is by a secret of ours" in caplog.text
    assert "to be found nowhere" not in caplog.text
    for secret in SECRETS:
        assert secret.written() not in caplog.text
        assert repr(secret.secret) not in caplog.text


@pytest.mark.parametrize(
    ("sources", "told"),
    [
        ('{"hr": {"kind": "jws", "jwks": "http://a.example/", "audience": "a"}}', "https"),
        ('{"hr": {"kind": "jws", "jwks": "https://[", "audience": "a"}}', "jwks"),
        ('{"hr": {"kind": "jws", "jwks": "https://a.example/"}}', "audience"),
        ('{"hr": {', "webhooks_sources"),
        ('{"hr": {"kind": "standard", "secrets": []}}', "secrets"),
        ('{"hr": {"kind": "standard", "secrets": ["hunter2"]}}', "whsec_"),
        ('{"A b": {"kind": "standard"}}', "String should match"),
    ],
)
def test_sources_that_are_not_safe_are_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, sources: str, told: str
) -> None:
    monkeypatch.setenv("WEBHOOKS_SOURCES", sources)
    production = settings.model_copy(update={"environment": Environment.PRODUCTION})
    monkeypatch.chdir("/")
    with pytest.raises(ValueError, match=told) as refused:
        read(production)
    assert "hunter2" not in str(refused.value)


def test_what_is_wrong_inside_of_a_setting_is_told_by_the_setting(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBHOOKS_SOURCES", '{"crm": {"kind": "standard", "secrets": ["s"]}}')
    with pytest.raises(ValidationError) as refused:
        read(settings)
    told = "WEBHOOKS_SOURCES, in the environment or .env (crm.standard.secrets.0): Value error"
    assert next(explained(refused.value)).startswith(told)
