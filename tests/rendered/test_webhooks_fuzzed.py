"""Whatever is sent to a webhook's path: a problem that says so, never a 500, never an effect."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.rendered.processes import Backend, draft_of
from tests.rendered.test_webhooks_received_killed import SOURCE, signed

pytestmark = [pytest.mark.slow, pytest.mark.cases]

CASES = int(os.environ.get("HEADSTART_CASES", "60"))  # make nightly: thousands
# Every run of CI has the same cases; every nightly has others.
ALIKE = "CI" in os.environ and "HEADSTART_CASES" not in os.environ
# Made by the render's own libraries: a JWKS, our keys, and a good token of each kind.
TOKENS = """
import json, time
from joserfc import jwe, jws
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

keys = {
    "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "Ed25519"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ES256"}),
    "RS256": RSAKey.generate_key(2048, {"kid": "RS256"}),
}
ours = {
    "RSA-OAEP-256": RSAKey.generate_key(2048, {"kid": "RSA-OAEP-256"}),
    "ECDH-ES+A256KW": ECKey.generate_key("P-256", {"kid": "ECDH-ES+A256KW"}),
}
said = {"iat": time.time(), "aud": "shop", "timestamp": "2026-01-01T00:00:00Z", "data": {}}
signed, sealed = [], []
for alg, key in keys.items():
    claims = json.dumps(said | {"jti": alg, "action": "unknown"})
    signed.append(jws.serialize_compact({"alg": alg, "kid": alg}, claims, key, algorithms=[alg]))
for alg, key in ours.items():
    claims = json.dumps(said | {"jti": alg, "action": "unknown"})
    token = jws.serialize_compact(
        {"alg": "ES256", "kid": "ES256"}, claims, keys["ES256"], algorithms=["ES256"]
    )
    header = {"alg": alg, "enc": "A256GCM", "kid": alg}
    sealed.append(jwe.encrypt_compact(header, token, key, algorithms=[alg, "A256GCM"]))
sets = [KeySet(list(each.values())) for each in (keys, ours)]
print(json.dumps({
    "signed": signed, "sealed": sealed,
    "jwks": sets[0].as_dict(private=False), "ours": sets[1].as_dict(private=True),
}))
"""
Json = dict[str, Any]


@contextmanager
def publishing(document: Json) -> Iterator[str]:
    """Yield the URL of a JWKS."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/jwks.json"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Api:
    """An api that knows a source of each kind, and what good messages of theirs look like."""

    backend: Backend
    client: httpx.Client
    tokens: Json

    def stored(self) -> int:
        return self.backend.count("SELECT count(*) FROM webhooks_received")

    def profiles(self) -> int:
        return self.backend.count("SELECT count(*) FROM profiles")

    def send(self, source: str, content: bytes, headers: Mapping[str, str] | None = None) -> int:
        """Send it; return the status of an answer that must be one of ours."""
        raw = {name.encode(): value.encode("latin-1") for name, value in (headers or {}).items()}
        answer = self.client.post(f"/webhooks/{source}", content=content, headers=raw)
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json", answer.text
            assert answer.json()["status"] == answer.status_code
        return answer.status_code


@pytest.fixture
def api(backend: Backend, tmp_path: Path) -> Iterator[Api]:
    """Such an api, which has had every good message once."""
    tokens: Json = json.loads(backend.output("-c", TOKENS))
    ours = tmp_path / "ours.json"
    ours.write_text(json.dumps(tokens["ours"]))
    with publishing(tokens["jwks"]) as url:
        algorithms = ["Ed25519", "ES256", "RS256"]
        jws = {"kind": "jws", "jwks": url, "audience": "shop", "algorithms": algorithms}
        sources = {"hr": SOURCE, "jws": jws, "jwe": jws | {"decryption_keys": str(ours)}}
        # Without a pause: in it, who names another key is told to come again.
        own = {"WEBHOOKS_SOURCES": json.dumps(sources), "WEBHOOKS_KEYS_PAUSE": "PT0S"}
        _, client = backend.start_api(**own, WEBHOOKS_WINDOW="P1D", LOG_LEVEL="ERROR")
        found = Api(backend, client, tokens)
        for source, name in (("jws", "signed"), ("jwe", "sealed")):
            for token in tokens[name]:
                assert found.send(source, token.encode()) == 202
        yield found


def anything(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test on many cases, of which each is fast."""
    fixtures = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(
        max_examples=CASES, deadline=None, suppress_health_check=fixtures, derandomize=ALIKE
    )(test)


@st.composite
def mutations(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """What happens to bytes: some are changed, lost, doubled, or others are put between them."""
    how = draw(st.sampled_from(["change", "cut", "double", "insert", "swap"]))
    where, length = draw(st.floats(0, 1)), draw(st.integers(1, 20))
    new = draw(st.binary(min_size=1, max_size=20) | st.sampled_from([b".", b"=", b"{", b"\0"]))

    def mutated(data: bytes) -> bytes:
        at = int(where * len(data))
        before, part, after = data[:at], data[at : at + length], data[at + length :]
        if how == "swap":
            parts = data.split(b".")
            return b".".join([*parts[1:], parts[0]])
        middle = {"change": new, "cut": b"", "double": part + part, "insert": new + part}[how]
        return before + middle + after

    return mutated


changes = st.lists(mutations(), min_size=1, max_size=3)


def changed(data: bytes, by: list[Callable[[bytes], bytes]]) -> bytes:
    for each in by:
        data = each(data)
    return data


def test_a_mutated_token_is_a_problem_without_an_effect(api: Api) -> None:
    @anything
    @given(st.sampled_from(["signed", "sealed"]), st.integers(0, 2), changes)
    def of(kind: str, number: int, by: list[Callable[[bytes], bytes]]) -> None:
        good = api.tokens[kind][number % len(api.tokens[kind])].encode()
        # The last bits of Base64 say nothing: the same message may be written in other ways.
        assert api.send({"signed": "jws", "sealed": "jwe"}[kind], changed(good, by)) in (
            *(200, 401, 413, 422),
        )

    before = api.stored()
    of()
    assert (api.stored(), api.profiles()) == (before, 0)


HEADERS = st.dictionaries(
    st.sampled_from(["alg", "kid", "crit", "b64", "jwk", "jku", "typ", "enc", "zip", "epk", "p2c"]),
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["none", "HS256", "RS256", "ES256", "Ed25519", "EdDSA", "dir", "A256KW"])
    | st.sampled_from(["PBES2-HS256+A128KW", "RSA1_5", "A128CBC-HS256", "DEF", "ES384"])
    | st.lists(st.sampled_from(["b64", "exp", "kid"]), max_size=2)
    | st.dictionaries(st.sampled_from(["kty", "k", "crv", "x"]), st.text(max_size=5), max_size=3),
    min_size=1,
    max_size=4,
)


def test_a_token_with_another_header_is_a_problem_without_an_effect(api: Api) -> None:
    @anything
    @given(st.sampled_from(["signed", "sealed"]), st.integers(0, 2), HEADERS)
    @example("signed", 0, {"alg": "none"})
    @example("signed", 0, {"alg": "HS256"})
    @example("sealed", 0, {"zip": "DEF"})
    def of(kind: str, number: int, header: Json) -> None:
        good = api.tokens[kind][number % len(api.tokens[kind])]
        first, _, rest = good.partition(".")
        own = json.loads(base64.urlsafe_b64decode(first + "=="))
        other = base64.urlsafe_b64encode(json.dumps(own | header).encode()).decode().rstrip("=")
        source = {"signed": "jws", "sealed": "jwe"}[kind]
        assert api.send(source, f"{other}.{rest}".encode()) in (200, 401)

    before = api.stored()
    of()
    assert (api.stored(), api.profiles()) == (before, 0)


TEXT = st.text(
    st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f"), max_size=80
)
NAMES = ("webhook-id", "webhook-timestamp", "webhook-signature")


def test_a_mutated_signature_is_a_problem_without_an_effect(api: Api) -> None:
    @anything
    @given(st.dictionaries(st.sampled_from(NAMES), TEXT), changes, st.booleans())
    @example({"webhook-signature": "v1"}, [], True)
    @example({"webhook-timestamp": "\xb2"}, [], True)
    @example({"webhook-timestamp": "9" * 80}, [], True)
    def of(headers: dict[str, str], by: list[Callable[[bytes], bytes]], other: bool) -> None:
        message = signed({"action": "unknown"}, uuid4().hex)
        body = changed(message["content"], by) if other else message["content"]
        given_headers = message["headers"] | headers
        is_same = body == message["content"] and given_headers == message["headers"]
        assert api.send("hr", body, given_headers) == (202 if is_same else 401)

    of()
    assert api.profiles() == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=10,
)
ACTIONS = st.sampled_from(["update", "delete", "import_headshot", "other"]) | JSON
TIMES = st.sampled_from(
    ["2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1e400"]
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "action": ACTIONS,
        "type": ACTIONS,
        "timestamp": TIMES | JSON,
        "version": JSON | st.integers(),
        "data": JSON | st.fixed_dictionaries({}, optional={"employee_number": JSON, "url": JSON}),
        "iat": JSON,
    },
)


def test_a_signed_message_of_any_content_is_understood_or_a_problem(api: Api) -> None:
    @anything
    @given(FIELDS | JSON)
    @example({"action": "update", "timestamp": "2026-01-01T00:00:00Z", "data": draft_of("\0")})
    @example({"action": "other", "deep": json.loads("[" * 150 + "]" * 150)})
    @example({"action": "other", "long": 10**400})
    def of(said: Any) -> None:
        assert api.send("hr", **signed(said, uuid4().hex)) in (202, 422)

    of()
    assert api.profiles() == 0


def test_bytes_of_any_kind_that_are_signed_are_a_problem(api: Api) -> None:
    @anything
    @given(st.binary(max_size=200))
    @example(b"\xff")
    @example(b"[" * 60_000)
    @example(b'{"action": "\\ud800"}')
    @example(b'{"action": "a", "b": NaN, "c": 1e999}')
    def of(body: bytes) -> None:
        assert api.send("hr", **signed(body, uuid4().hex)) in (202, 422)

    of()
    assert api.profiles() == 0
