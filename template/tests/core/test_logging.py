"""Logs hold one line per event, its cause, and no secret."""

from __future__ import annotations

import json

import httpx
import pytest
import structlog
from pydantic import BaseModel

from app.core.logging import (
    REDACTED,
    configure_logging,
    correlated,
    correlation_id,
    log_func_args,
    redacted,
)


class Login(BaseModel):
    name: str
    password: str


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_secrets_are_blanked_at_any_depth() -> None:
    event = {"user": "ada", "headers": [{"Authorization": "Bearer x"}], "api_token": 1}
    assert redacted(event) == {
        "user": "ada",
        "headers": [{"Authorization": REDACTED}],
        "api_token": REDACTED,
    }


def test_a_model_is_blanked_too() -> None:
    assert redacted(Login(name="ada", password="x")) == {"name": "ada", "password": REDACTED}


async def test_calls_are_logged_with_their_arguments_and_without_secrets(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("DEBUG", "json")

    @log_func_args
    async def sign_in(login: Login, token: str, picture: bytes) -> str:
        return f"{login.name} {token} {len(picture)}"

    @log_func_args
    def add(left: int, right: int = 2) -> int:
        return left + right

    assert await sign_in(Login(name="ada", password="swordfish"), token="t0k3n", picture=b"x" * 9)
    assert add(1) == 3
    output = capsys.readouterr().err
    assert "swordfish" not in output
    assert "t0k3n" not in output
    first, second = map(json.loads, output.splitlines())
    assert first["arguments"]["picture"] == "<9 bytes>"
    assert second["arguments"] == {"left": "1"}


def test_a_quiet_level_costs_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "json")

    @log_func_args
    def double(value: int) -> int:
        return 2 * value

    assert double(2) == 4
    assert lines(capsys) == []


def test_everything_inside_has_the_same_correlation_id(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "json")
    with correlated("cause-1"):
        assert correlation_id() == "cause-1"
        structlog.get_logger("test").info("inside", secret_key="x")
    (line,) = lines(capsys)
    assert line["correlation_id"] == "cause-1"
    assert line["secret_key"] == REDACTED
    assert correlation_id() != "cause-1"


async def test_a_request_is_one_line_with_the_callers_id(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("INFO", "json")
    answer = await client.get("/v1/profiles", headers={"X-Request-ID": "caller-7"})
    assert answer.headers["x-request-id"] == "caller-7"
    (line,) = [line for line in lines(capsys) if line["event"] == "request"]
    assert line | {"path": "/v1/profiles", "status": 200, "correlation_id": "caller-7"} == line


async def test_a_strange_request_id_is_replaced(client: httpx.AsyncClient) -> None:
    answer = await client.get("/livez", headers={"X-Request-ID": "a b\tc" + "x" * 99})
    assert len(answer.headers["x-request-id"]) == 32
