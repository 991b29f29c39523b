"""Keys rotate at once, cost the issuer little, and outlive it for a while."""

from __future__ import annotations

import asyncio

import pytest
from joserfc.errors import SecurityWarning
from joserfc.jwk import OctKey, RSAKey

from app.core.jwks import Jwks, KeysUnavailable, UnknownKey, read_keys
from tests.features.security.conftest import Clock
from tests.features.security.issuer import Issuer

MINUTES = 60


async def settle() -> None:
    """Wait for the fetch that goes on in the background."""
    await asyncio.gather(*(task for task in asyncio.all_tasks() if "_fetch" in repr(task)))


async def test_keys_are_fetched_when_first_needed_and_by_one_for_all(
    jwks: Jwks, issuer: Issuer
) -> None:
    assert issuer.fetches == 0
    await asyncio.gather(*(jwks.key("rsa") for _ in range(50)))
    assert issuer.fetches == 1


async def test_a_new_key_works_at_once(jwks: Jwks, issuer: Issuer, clock: Clock) -> None:
    await jwks.key("rsa")
    issuer.published = ["ec"]
    clock.now += 11
    assert (await jwks.key("ec")).kid == "ec"
    with pytest.raises(UnknownKey):
        await jwks.key("rsa")


async def test_made_up_key_ids_cost_the_issuer_one_fetch_per_pause(
    jwks: Jwks, issuer: Issuer, clock: Clock
) -> None:
    await jwks.key("rsa")
    for pause in range(3):
        for number in range(20):
            with pytest.raises(UnknownKey):
                await jwks.key(f"made-up-{number}")
        assert issuer.fetches == 1 + pause
        clock.now += 11


async def test_a_known_key_never_waits_for_newer_ones(
    jwks: Jwks, issuer: Issuer, clock: Clock
) -> None:
    await jwks.key("rsa")
    issuer.published = ["ec"]
    clock.now += 11 * MINUTES
    assert await jwks.key("rsa")
    assert issuer.fetches == 1
    await settle()
    assert issuer.fetches == 2
    with pytest.raises(UnknownKey):
        await jwks.key("rsa")


async def test_keys_outlive_their_issuer_for_a_bounded_time(
    jwks: Jwks, issuer: Issuer, clock: Clock
) -> None:
    await jwks.key("rsa")
    issuer.down = True
    for _ in range(5):
        clock.now += 11 * MINUTES
        assert await jwks.key("rsa")
        await settle()
    clock.now += 11 * MINUTES
    with pytest.raises(KeysUnavailable):
        await jwks.key("rsa")
    issuer.down = False
    clock.now += 11
    assert await jwks.key("rsa")


async def test_an_unknown_key_of_an_issuer_that_is_away_is_not_called_wrong(
    jwks: Jwks, issuer: Issuer, clock: Clock
) -> None:
    await jwks.key("rsa")
    issuer.down = True
    clock.now += 11
    with pytest.raises(KeysUnavailable):
        await jwks.key("ec")


async def test_one_who_gives_up_does_not_take_the_fetch_from_the_others(
    jwks: Jwks, issuer: Issuer
) -> None:
    first = asyncio.create_task(jwks.key("rsa"))
    second = asyncio.create_task(jwks.key("rsa"))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).kid == "rsa"
    assert issuer.fetches == 1


def test_what_cannot_verify_is_left_out() -> None:
    good = RSAKey.generate_key(2048).as_dict(private=False)
    with pytest.warns(SecurityWarning):
        short = RSAKey.generate_key(1024).as_dict(private=False)
    document = {
        "keys": [
            good | {"kid": "good"},
            good,
            good | {"kid": "enc", "use": "enc"},
            short | {"kid": "short"},
            OctKey.generate_key(256).as_dict() | {"kid": "secret"},
            {"kid": "unheard-of", "kty": "XYZ"},
            {"kid": "broken", "kty": "RSA", "n": "!", "e": 3},
            "nonsense",
        ]
    }
    with pytest.warns(SecurityWarning):
        assert list(read_keys(document)) == ["good"]


@pytest.mark.parametrize("document", [None, [], {}, {"keys": None}, {"keys": []}])
def test_a_document_without_keys_does_not_count(document: object) -> None:
    with pytest.raises(ValueError, match="no key"):
        read_keys(document)
