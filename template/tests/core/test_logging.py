"""Logs hold one line per event, its cause, and no secret."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Literal

import httpx
import pytest
import structlog
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core.database import Database
from app.core.logging import (
    REDACTED,
    configure_logging,
    correlated,
    correlation_id,
    log_func_args,
    redacted,
    scrub,
)
from tests.things import URL


class Login(BaseModel):
    name: str
    password: str


class Person(BaseModel):
    number: int
    full_name: str
    email: str
    department: str


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


def test_what_says_something_about_a_person_is_blanked() -> None:
    person = Person(number=1, full_name="Ada Lovelace", email="ada@example.com", department="Eng")
    assert redacted({"person": person, "Phone-Number": 7, "mobile": "1", "ip_address": "::1"}) == {
        "person": {
            "number": 1,
            "full_name": REDACTED,
            "email": REDACTED,
            "department": "Eng",
        },
        "Phone-Number": REDACTED,
        "mobile": REDACTED,
        "ip_address": REDACTED,
    }


@dataclass
class Visitor:
    number: int
    surname: str


def test_a_dataclass_is_blanked_too() -> None:
    assert redacted([Visitor(7, "Lovelace")]) == [{"number": 7, "surname": REDACTED}]


@pytest.mark.parametrize(
    ("line", "scrubbed"),
    [
        ("GET /x?access_token=abc&limit=2", "GET /x?***&limit=2"),
        ("GET https://h/x?page=2&code=a%20b", "GET https://h/x?page=2&***"),
        ("{'authorization': 'bearer abc.d-e_f~+/='}", "{'authorization': '***'}"),
        ("(b'authorization', b'Basic dXNlcjpwYXNz')", "(b'authorization', b'***')"),
        ("\\nBearer abc", "\\n***"),
        ("a eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0. b", "a *** b"),
        ("postgresql+asyncpg://app:p%40ss:word@db/app", "postgresql+asyncpg://***@db/app"),
        ("no mail to <ada.l+x@example.co.uk>", "no mail to <***>"),
        ("see https://example.com/docs?page=2#top, a = b", None),
        ("the basic things, bearer", None),
    ],
)
def test_what_gives_itself_away_is_blanked_in_any_text(line: str, scrubbed: str | None) -> None:
    assert scrub(line) == (scrubbed or line)


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_tracebacks_and_records_of_libraries_are_scrubbed(
    capsys: pytest.CaptureFixture[str], log_format: Literal["json", "console"]
) -> None:
    configure_logging("INFO", log_format)
    refused = ValueError("refused: Bearer s3cr3t for ada@example.com")
    try:
        raise refused
    except ValueError:
        logging.getLogger("library").exception("GET http://h/?token=s3cr3t")
    output = capsys.readouterr().err
    assert "ValueError" in output
    assert "s3cr3t" not in output
    assert "ada@" not in output


async def test_the_values_of_a_failed_statement_stay_out_of_its_error(database: Database) -> None:
    with pytest.raises(DBAPIError) as error:
        await database.reads.execute(text("SELECT :name FROM nowhere"), {"name": "Ada Lovelace"})
    assert "Ada" not in str(error.value)


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
    answer = await client.get(URL, headers={"X-Request-ID": "caller-7"})
    assert answer.headers["x-request-id"] == "caller-7"
    (line,) = [line for line in lines(capsys) if line["event"] == "request"]
    assert line | {"path": URL, "status": 200, "correlation_id": "caller-7"} == line


def test_what_is_bound_inside_ends_with_it() -> None:
    with correlated("outer"):
        with correlated("inner"):
            structlog.contextvars.bind_contextvars(caller="token:ada")
        assert structlog.contextvars.get_contextvars() == {"correlation_id": "outer"}


async def test_a_strange_request_id_is_replaced(client: httpx.AsyncClient) -> None:
    answer = await client.get("/livez", headers={"X-Request-ID": "a b\tc" + "x" * 99})
    assert len(answer.headers["x-request-id"]) == 32


async def test_the_line_of_a_request_is_as_any_other(
    capsys: pytest.CaptureFixture[str], client: httpx.AsyncClient
) -> None:
    configure_logging("INFO", "json")
    capsys.readouterr()
    seen: list[dict[str, object]] = []
    listener = logging.NullHandler()
    for _ in range(2):  # past the records, and with somebody who listens
        with structlog.contextvars.bound_contextvars(api_token="s3cr3t", of="a"):
            await client.get(f"{URL}/eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.")
        seen += lines(capsys)
        logging.getLogger().addHandler(listener)
    logging.getLogger().removeHandler(listener)
    direct, usual = [line for line in seen if line["event"] == "request"]
    for line in (direct, usual):
        assert (line["path"], line["api_token"], line["of"]) == (f"{URL}/***", REDACTED, "a")
        for own in ("ms", "timestamp", "correlation_id"):
            del line[own]
    assert direct == usual
