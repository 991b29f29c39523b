"""Every failure is a problem document, and the OpenAPI says so."""

from __future__ import annotations

from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI, File, UploadFile

from app.core.errors import MEDIA_TYPE
from tests.test_promises import assert_problem
from tests.things import URL


@pytest.fixture
def app(app: FastAPI) -> FastAPI:
    """An api that takes a form too."""

    @app.put("/form")
    async def form(image: Annotated[UploadFile, File()]) -> int:
        return len(await image.read())

    return app


async def test_a_wrong_method_is_a_problem(client: httpx.AsyncClient) -> None:
    answer = await client.patch(URL)
    assert_problem(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD, POST"


async def test_broken_json_is_a_problem_with_its_place(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        URL, content=b'{"name": ', headers={"content-type": "application/json"}
    )
    assert_problem(answer, 422)
    assert answer.json()["errors"][0]["location"].startswith("body")


async def test_json_that_is_no_text_is_a_problem(client: httpx.AsyncClient) -> None:
    answer = await client.post(URL, content=b'"\xff"', headers={"content-type": "application/json"})
    assert_problem(answer, 400)


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "multipart/form-data", ""])
async def test_another_type_than_json_is_a_problem(
    client: httpx.AsyncClient, media_type: str
) -> None:
    answer = await client.post(URL, content=b"<thing/>", headers={"content-type": media_type})
    assert_problem(answer, 415)


async def test_no_body_is_a_problem_of_the_input(client: httpx.AsyncClient) -> None:
    assert_problem(await client.post(URL), 422)
    assert_problem(await client.put("/form"), 422)


async def test_another_type_than_a_form_is_a_problem(client: httpx.AsyncClient) -> None:
    assert_problem(await client.put("/form", json={"image": "x"}), 415)


@pytest.mark.parametrize(
    ("boundary", "body", "status"),
    [("", b"", 400), ("; boundary=b", b"no part", 400), ("; boundary=b", b"--b\r\nx", 422)],
)
async def test_a_broken_form_is_a_problem(
    client: httpx.AsyncClient, boundary: str, body: bytes, status: int
) -> None:
    answer = await client.put(
        "/form", content=body, headers={"content-type": f"multipart/form-data{boundary}"}
    )
    assert_problem(answer, status)


async def test_openapi_types_every_problem(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()
    assert "HTTPValidationError" not in schema["components"]["schemas"]
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            for status, response in operation["responses"].items():
                if status.startswith(("4", "5")) or status == "default":
                    content = response["content"]
                    assert list(content) in ([MEDIA_TYPE], ["application/json"]), (path, method)
    invalid = schema["paths"][URL]["post"]["responses"]["422"]
    reference = invalid["content"][MEDIA_TYPE]["schema"]["$ref"]
    assert reference.endswith("/ValidationProblem")
