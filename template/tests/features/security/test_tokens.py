"""A token is believed when everything about it is right, and refused for each thing that is not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from joserfc.jwk import RSAKey

from app.features.security.callers import Unavailable, Untrusted
from app.features.security.tokens import Tokens
from tests.features.security.issuer import AUDIENCE, Issuer


def encode(part: object) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def payload_of(token: str) -> str:
    return token.split(".")[1]


async def test_a_right_token_names_its_caller(tokens: Tokens, issuer: Issuer) -> None:
    caller = await tokens.caller_of(issuer.token(scope="things:read things:write"))
    assert caller.id == "token:ada"
    assert caller.scopes == {"things:read", "things:write"}


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({}, set()),
        ({"scp": "a:read b:read"}, {"a:read", "b:read"}),
        ({"scp": ["a:read"], "roles": ["b:write", 7]}, {"a:read", "b:write"}),
        ({"scope": {"a:read": 1}}, set()),
    ],
)
async def test_scopes_are_read_as_issuers_write_them(
    tokens: Tokens, issuer: Issuer, claims: dict[str, object], scopes: set[str]
) -> None:
    assert (await tokens.caller_of(issuer.token(**claims))).scopes == scopes


@pytest.mark.parametrize(
    "claims",
    [{"aud": ["other", AUDIENCE]}, {"exp": timedelta(seconds=-10)}, {"nbf": timedelta(seconds=10)}],
)
async def test_lists_of_audiences_and_clocks_that_differ_a_little_are_fine(
    tokens: Tokens, issuer: Issuer, claims: dict[str, object]
) -> None:
    assert (await tokens.caller_of(issuer.token(**claims))).id == "token:ada"


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"iss": "https://other.example"}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": "other-api"}, "aud"),
        ({"aud": None}, "aud"),
        ({"aud": []}, "aud"),
        ({"exp": timedelta(seconds=-60)}, "expired"),
        ({"exp": None}, "exp"),
        ({"exp": "tomorrow"}, "exp"),
        ({"nbf": timedelta(seconds=60)}, "nbf"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": "x" * 256}, "subject"),
    ],
)
async def test_a_wrong_claim_is_refused_by_name(
    tokens: Tokens, issuer: Issuer, claims: dict[str, object], told: str
) -> None:
    with pytest.raises(Untrusted, match=told):
        await tokens.caller_of(issuer.token(**claims))


async def test_a_token_of_no_algorithm_is_refused(tokens: Tokens, issuer: Issuer) -> None:
    for name in ("none", "None", "NONE"):
        forged = f"{encode({'alg': name, 'kid': 'rsa'})}.{payload_of(issuer.token())}."
        with pytest.raises(Untrusted):
            await tokens.caller_of(forged)
    assert issuer.fetches == 0


async def test_a_public_key_is_no_secret_to_sign_with(tokens: Tokens, issuer: Issuer) -> None:
    public = issuer.keys["rsa"]
    assert isinstance(public, RSAKey)
    signed = f"{encode({'alg': 'HS256', 'kid': 'rsa'})}.{payload_of(issuer.token())}"
    mac = hmac.digest(public.as_pem(private=False), signed.encode(), hashlib.sha256)
    with pytest.raises(Untrusted):
        await tokens.caller_of(f"{signed}.{encode(mac)}")


async def test_a_signature_of_another_key_is_refused(tokens: Tokens, issuer: Issuer) -> None:
    stranger = Issuer()
    with pytest.raises(Untrusted, match="cannot be verified"):
        await tokens.caller_of(stranger.token())
    header, _, signature = issuer.token().split(".")
    with pytest.raises(Untrusted, match="cannot be verified"):
        await tokens.caller_of(f"{header}.{payload_of(issuer.token(sub='eve'))}.{signature}")


async def test_an_algorithm_that_is_not_allowed_is_refused(tokens: Tokens, issuer: Issuer) -> None:
    with pytest.raises(Untrusted):
        await tokens.caller_of(issuer.sign({}, alg="PS256"))


async def test_a_key_is_good_for_its_own_kind_of_signature_only(
    tokens: Tokens, issuer: Issuer
) -> None:
    issuer.published = ["rsa", "ec"]
    assert await tokens.caller_of(issuer.sign({}, kid="ec", alg="ES256"))
    header = encode({"alg": "ES256", "kid": "rsa"})
    _, payload, signature = issuer.token().split(".")
    with pytest.raises(Untrusted):
        await tokens.caller_of(f"{header}.{payload}.{signature}")


@pytest.mark.parametrize("text", ["", ".", "a.b.c", "eyJ.eyJ.x", "é.é.é", "x" * 9999, "[].{}.a"])
async def test_what_is_no_token_is_refused(tokens: Tokens, issuer: Issuer, text: str) -> None:
    with pytest.raises(Untrusted):
        await tokens.caller_of(text)
    assert issuer.fetches == 0


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "RS256"},
        {"alg": "RS256", "kid": 7},
        {"alg": ["RS256"], "kid": "rsa"},
        {"alg": "RS256", "kid": "rsa", "crit": ["b64"], "b64": False},
        {"alg": "RS256", "kid": "rsa", "crit": ["unheard-of"], "unheard-of": 1},
    ],
)
async def test_a_strange_header_is_refused(
    tokens: Tokens, issuer: Issuer, header: dict[str, object]
) -> None:
    _, payload, signature = issuer.token().split(".")
    with pytest.raises(Untrusted):
        await tokens.caller_of(f"{encode(header)}.{payload}.{signature}")


async def test_without_the_issuers_keys_nobody_can_say(tokens: Tokens, issuer: Issuer) -> None:
    issuer.down = True
    with pytest.raises(Unavailable) as refused:
        await tokens.caller_of(issuer.token())
    assert refused.value.headers == {"Retry-After": "10"}
