"""Every failure is a problem document, and the OpenAPI says so."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from app.core.errors import MEDIA_TYPE

HEADSHOT = "/v1/profiles/00000000-0000-0000-0000-000000000000/headshot"


def assert_problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == MEDIA_TYPE
    document = answer.json()
    assert document["status"] == status
    assert document["instance"] == answer.request.url.path
    assert document["correlation_id"] == answer.headers["x-request-id"]


async def test_an_unknown_path_is_a_problem(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get("/nowhere"), 404)


async def test_a_wrong_method_is_a_problem(client: httpx.AsyncClient) -> None:
    answer = await client.patch("/v1/profiles")
    assert_problem(answer, 405)
    assert answer.headers["allow"] == "GET, POST"


async def test_broken_json_is_a_problem_with_its_place(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/v1/profiles", content=b'{"name": ', headers={"content-type": "application/json"}
    )
    assert_problem(answer, 422)
    assert answer.json()["errors"][0]["location"].startswith("body")


async def test_json_that_is_no_text_is_a_problem(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/v1/profiles", content=b'"\xff"', headers={"content-type": "application/json"}
    )
    assert_problem(answer, 400)


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "multipart/form-data", ""])
async def test_another_type_than_json_is_a_problem(
    client: httpx.AsyncClient, media_type: str
) -> None:
    answer = await client.post(
        "/v1/profiles", content=b"<profile/>", headers={"content-type": media_type}
    )
    assert_problem(answer, 415)


async def test_no_body_is_a_problem_of_the_input(client: httpx.AsyncClient) -> None:
    assert_problem(await client.post("/v1/profiles"), 422)
    assert_problem(await client.put(HEADSHOT), 422)


async def test_another_type_than_a_form_is_a_problem(client: httpx.AsyncClient) -> None:
    assert_problem(await client.put(HEADSHOT, json={"image": "x"}), 415)


@pytest.mark.parametrize(
    ("boundary", "body", "status"),
    [("", b"", 400), ("; boundary=b", b"no part", 400), ("; boundary=b", b"--b\r\nx", 422)],
)
async def test_a_broken_form_is_a_problem(
    client: httpx.AsyncClient, boundary: str, body: bytes, status: int
) -> None:
    answer = await client.put(
        HEADSHOT, content=body, headers={"content-type": f"multipart/form-data{boundary}"}
    )
    assert_problem(answer, status)


async def test_invalid_input_names_every_field(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/profiles", json={"email": "nobody", "extra": 1})
    assert_problem(answer, 422)
    places = {error["location"] for error in answer.json()["errors"]}
    assert places == {
        "body.employee_number",
        "body.full_name",
        "body.email",
        "body.department",
        "body.extra",
    }


async def test_an_unforeseen_error_is_a_problem_that_tells_nothing(
    capsys: pytest.CaptureFixture[str], app: FastAPI, client: httpx.AsyncClient
) -> None:
    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("the password is swordfish")

    answer = await client.get("/broken")
    assert_problem(answer, 500)
    assert "swordfish" not in answer.text
    assert "swordfish" in capsys.readouterr().err


async def test_openapi_types_every_problem(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()
    assert "HTTPValidationError" not in schema["components"]["schemas"]
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            for status, response in operation["responses"].items():
                if status.startswith(("4", "5")) or status == "default":
                    content = response["content"]
                    assert list(content) in ([MEDIA_TYPE], ["application/json"]), (path, method)
    invalid = schema["paths"]["/v1/profiles"]["post"]["responses"]["422"]
    reference = invalid["content"][MEDIA_TYPE]["schema"]["$ref"]
    assert reference.endswith("/ValidationProblem")
