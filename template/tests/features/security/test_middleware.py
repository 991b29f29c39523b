"""Endpoints ask who calls, what they may do, and how often; and say so in OpenAPI."""

from __future__ import annotations

import json

import httpx
import pytest
from fastapi import FastAPI, Request

from app.core.database import Database
from app.core.engines import DatabaseUnavailable
from app.core.errors import MEDIA_TYPE
from app.core.logging import configure_logging
from app.features.security import clients
from app.features.security.middleware import Gatekeeper, NobodyCanCall
from app.features.security.scopes import SCOPES, caller_of
from app.features.security.settings import SecuritySettings
from app.main import create_app
from app.settings import Environment, Settings
from tests.conftest import connect, serve
from tests.features.security.conftest import register
from tests.features.security.issuer import Issuer
from tests.things import URL, draft, listed


def bearer(credentials: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credentials}"}


async def test_a_token_with_the_scope_passes(client: httpx.AsyncClient, issuer: Issuer) -> None:
    answer = await client.get(URL, headers=bearer(issuer.token(scope="things:read")))
    assert answer.status_code == 200


async def test_a_client_with_the_scope_passes(
    client: httpx.AsyncClient, database: Database
) -> None:
    key = await register(database, "things:read")
    assert (await client.get(URL, headers=bearer(key.written()))).status_code == 200


async def test_nobody_is_asked_who_it_is(client: httpx.AsyncClient) -> None:
    answer = await client.get(URL)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["correlation_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("Bearer nonsense", "the access token cannot be verified"),
        ("Bearer hs_1_x", "the key is not that of a registered client"),
        ("Basic YTpi", "credentials are sent as a Bearer token"),
        ("Bearer", "the access token cannot be verified"),
    ],
)
async def test_bad_credentials_are_refused_in_words(
    client: httpx.AsyncClient, header: str, told: str
) -> None:
    answer = await client.get(URL, headers={"Authorization": header})
    assert answer.status_code == 401
    assert told in answer.json()["detail"]
    assert answer.headers["www-authenticate"].startswith('Bearer error="invalid_token"')


async def test_a_missing_scope_is_named(client: httpx.AsyncClient, issuer: Issuer) -> None:
    headers = bearer(issuer.token(scope="things:read"))
    answer = await client.post(URL, json=draft(), headers=headers)
    assert answer.status_code == 403
    assert answer.json()["detail"] == "the scope things:write is missing"
    expected = 'Bearer error="insufficient_scope", scope="things:write"'
    assert answer.headers["www-authenticate"] == expected


async def test_while_the_issuer_is_away_it_says_when_to_try_again(
    client: httpx.AsyncClient, issuer: Issuer
) -> None:
    issuer.down = True
    answer = await client.get(URL, headers=bearer(issuer.token()))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "10"


async def test_the_caller_is_known_to_endpoints_and_logs(
    app: FastAPI, client: httpx.AsyncClient, issuer: Issuer, capsys: pytest.CaptureFixture[str]
) -> None:
    @app.get("/who")
    async def who(request: Request) -> str:
        return caller_of(request).id

    configure_logging("INFO", "json")
    assert (await client.get("/who", headers=bearer(issuer.token()))).json() == "token:ada"
    assert (await client.get("/who")).json() == "anonymous"
    output = capsys.readouterr().err
    callers = [
        line["caller"]
        for line in map(json.loads, output.splitlines())
        if line["event"] == "request"
    ]
    assert callers == ["token:ada", "anonymous"]


async def test_credentials_never_reach_the_logs(
    client: httpx.AsyncClient,
    database: Database,
    issuer: Issuer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("DEBUG", "json")
    key = await register(database, "things:read")
    secrets = [key.written(), issuer.token(scope="things:read"), issuer.token(iss="other")]
    for secret in secrets:
        await client.get(URL, headers=bearer(secret), params={"access_token": secret})
    output = capsys.readouterr().err
    assert "request" in output
    for secret in (*secrets, key.secret):
        assert secret not in output


async def test_callers_have_a_rate_and_hear_about_it(
    settings: Settings, database: Database, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATE_LIMIT_PER_MINUTE", "3")
    async with serve(settings, database) as app, connect(app) as client:
        headers = bearer(issuer.token(scope="things:read"))
        answers = [await client.get(URL, headers=headers) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[0].headers["ratelimit-policy"] == '"caller";q=3;w=60'
        assert answers[0].headers["ratelimit"] == '"caller";r=2;t=20'
        assert answers[3].headers["retry-after"] == "20"
        assert answers[3].headers["content-type"] == MEDIA_TYPE

        other = bearer(issuer.token(scope="things:read", sub="bob"))
        assert (await client.get(URL, headers=other)).status_code == 200
        assert (await client.get("/livez")).status_code == 200
        assert "ratelimit" not in (await client.get("/readyz")).headers


async def test_guesses_are_counted_where_they_come_from(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATE_LIMIT_PER_MINUTE", "3")
    async with serve(settings, database) as app, connect(app) as client:
        statuses = [
            (await client.get(URL, headers=bearer(f"hs_{number}_guess"))).status_code
            for number in range(4)
        ]
        assert statuses == [401, 401, 401, 429]


async def test_without_auth_everybody_may_do_everything(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH_REQUIRED", "false")
    async with serve(settings, database) as app, connect(app) as client:
        assert (await client.get(URL)).status_code == 200
        assert (await client.get(URL, headers=bearer("nonsense"))).status_code == 200


async def test_production_does_not_start_where_nobody_could_call(
    settings: Settings, database: Database
) -> None:
    production = settings.model_copy(update={"environment": Environment.PRODUCTION})
    alone = SecuritySettings(_env_file=None, jwks_url=None)
    gate = Gatekeeper(alone, production, database)
    with pytest.raises(NobodyCanCall, match="JWKS_URL"):
        await gate.open()
    key = await register(database)
    await gate.open()
    async with database.writes() as session:
        await clients.revoke(session, key.number)
    with pytest.raises(NobodyCanCall):
        await gate.open()


async def test_while_the_database_is_away_a_client_is_told_to_come_again(
    app: FastAPI, client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: object) -> None:
        raise DatabaseUnavailable("the connection was lost")

    key = await register(database, "things:read")
    monkeypatch.setattr(app.state.database.reads, "execute", lost)
    answer = await client.get(URL, headers=bearer(key.written()))
    assert answer.status_code == 503
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert int(answer.headers["retry-after"]) > 0


async def test_a_key_that_the_issuer_has_just_made_is_no_reason_to_log_in_again(
    client: httpx.AsyncClient, issuer: Issuer
) -> None:
    await client.get(URL, headers=bearer(issuer.token(scope="things:read")))
    issuer.published = ["rsa", "ec"]
    token = issuer.sign({"scope": "things:read"}, kid="ec", alg="ES256")
    answer = await client.get(URL, headers=bearer(token))
    assert answer.status_code == 503
    assert 0 < int(answer.headers["retry-after"]) <= 10


@pytest.mark.parametrize("asked", [True, False])
def test_openapi_asks_for_a_token_only_where_the_api_does(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, *, asked: bool
) -> None:
    monkeypatch.setenv("AUTH_REQUIRED", str(asked))
    served = settings.model_copy(update={"environment": Environment.DEVELOPMENT})
    with listed():
        schema = create_app(served).openapi()
    assert ("securitySchemes" in schema["components"]) is asked
    operations = [each for path in schema["paths"].values() for each in path.values()]
    assert any("security" in each for each in operations) is asked


def test_openapi_says_what_every_operation_asks_for(settings: Settings) -> None:
    with listed():
        schema = create_app(settings).openapi()
    assert URL in schema["paths"]
    assert schema["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            if path in {"/livez", "/readyz"}:
                assert "security" not in operation
                continue
            (asked,) = operation["security"]
            assert asked["bearer"], (method, path)
            assert set(asked["bearer"]) <= SCOPES
            assert {"401", "403", "429"} <= set(operation["responses"]), (method, path)
