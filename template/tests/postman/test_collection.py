"""The collection asks for everything that the api has, tests every answer, and keeps no secret."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.settings import Project, read_project
from postman.__main__ import FOLDER, describe
from postman.files import Folder, Unreadable
from postman.openapi import BY_EXAMPLE, METHODS, Document, operations
from postman.samples import CLOSE, OPEN, RUN, Unknown, sample
from postman.steps import Step, steps
from tests.things import listed

URL = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def api() -> Document:
    """The api of the project, with `tests.things` in it."""
    return described()


def described() -> Document:
    with listed():
        return describe()


@pytest.fixture(scope="module")
def asked(api: Document) -> list[Step]:
    return steps(api)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "collection", Project("shop", "1.0.0", "Sells."))


def requests(folder: Folder) -> Iterator[Document]:
    for part in json.loads(folder.collection.read_text("utf-8"))["item"]:
        yield from part["item"]


def script(request: Document, when: str) -> str:
    events = [each for each in request["event"] if each["listen"] == when]
    return "\n".join(line for event in events for line in event["script"]["exec"])


def test_the_collection_that_is_there_is_what_the_api_says() -> None:
    written = Folder(FOLDER, read_project())
    if not written.collection.exists():
        pytest.skip("not written yet: make postman")
    assert written.is_current(steps(describe())), "the api has changed: make postman"


def test_it_asks_for_everything_and_tests_every_answer(
    api: Document, asked: list[Step], folder: Folder
) -> None:
    paths: Document = api["paths"]
    there = {(method, path) for path in paths for method in METHODS if method in paths[path]}
    there -= {
        (method, path) for method, path in there if not paths[path][method].get(BY_EXAMPLE, True)
    }
    assert {(step.operation.method, step.operation.path) for step in asked} == there
    tuple(folder.write(asked, URL))
    for request in requests(folder):
        assert script(request, "test").count("pm.test(") >= 2, request["name"]


def test_every_variable_has_a_value_before_it_is_used(asked: list[Step], folder: Folder) -> None:
    tuple(folder.write(asked, URL))
    known = {"baseUrl", "clientKey", "run"}
    for request in requests(folder):
        used = set(re.findall(rf"{OPEN}(\w+){CLOSE}", json.dumps(request["request"])))
        assert used <= known, request["name"]
        known |= set(re.findall(r'collectionVariables\.set\("(\w+)"', script(request, "test")))
        known |= {"etag"}


def test_what_is_written_again_is_the_same(asked: list[Step], folder: Folder) -> None:
    first = set(folder.write(asked, URL))
    assert {path for path in folder.path.rglob("*") if path.is_file()} == first
    assert list(folder.write(steps(described()), URL)) == []
    assert folder.is_current(asked)
    folder.collection.write_text("{}")
    assert not folder.is_current(asked)
    assert list(folder.write(asked, URL)) == [folder.collection]
    ids = re.findall(r'"id": "([^"]+)"', folder.collection.read_text("utf-8"))
    assert len(ids) == len(set(ids))


def test_what_was_typed_into_an_environment_stays(asked: list[Step], folder: Folder) -> None:
    tuple(folder.write(asked, URL))
    local = folder.environment("local")
    document = json.loads(local.read_text("utf-8"))
    assert {each["key"]: each["value"] for each in document["values"]}["baseUrl"] == URL
    own = {"key": "mine", "value": "typed", "type": "default", "enabled": True}
    document["values"] = [own, {**document["values"][0], "value": "http://elsewhere"}]
    local.write_text(json.dumps(document))
    tuple(folder.write(asked, URL))
    values = json.loads(local.read_text("utf-8"))["values"]
    assert values[:2] == document["values"]


@pytest.mark.parametrize("text", ["{", "[]", '{"values": 1}'])
def test_a_file_that_is_no_environment_is_named(
    asked: list[Step], folder: Folder, text: str
) -> None:
    tuple(folder.write(asked, URL))
    folder.environment("dev").write_text(text)
    with pytest.raises(Unreadable, match="shop-dev"):
        tuple(folder.write(asked, URL))
    assert folder.environment("dev").read_text("utf-8") == text


def test_the_http_file_asks_for_everything_and_is_its_owners(
    asked: list[Step], folder: Folder
) -> None:
    tuple(folder.write(asked, URL))
    text = folder.http.read_text("utf-8")
    requests = re.findall(r"^(?:GET|PUT|POST|PATCH|DELETE) \S+$", text, re.MULTILINE)
    assert len(requests) == len({step.operation.name for step in asked})
    given = dict(re.findall(r"^@(\w+) = (\S+)$", text, re.MULTILINE))
    assert given["baseUrl"] == URL
    used = set(re.findall(rf"{OPEN}\$?(\w+){CLOSE}", text))
    assert used == given.keys() | {"timestamp"}
    folder.http.write_text("mine")
    assert list(folder.write(asked, URL)) == []


def test_no_environment_holds_a_secret(asked: list[Step], folder: Folder) -> None:
    tuple(folder.write(asked, URL))
    for place in ("local", "dev", "uat", "prod"):
        values = json.loads(folder.environment(place).read_text("utf-8"))["values"]
        assert [each for each in values if each["type"] == "secret" and each["value"]] == []
        assert {each["key"] for each in values} <= {"baseUrl", "clientKey"}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer", "exclusiveMinimum": 2}, 3),
        ({"type": "integer", "maximum": -5}, -5),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 1}, [True]),
        ({"type": "string", "examples": ["AB-12"], "pattern": "^[A-Z]{2}-"}, f"AB-{RUN}"),
        ({"type": "string", "examples": ["AB-12"], "maxLength": 5}, "AB-12"),
        ({"anyOf": [{"type": "null"}, {"enum": ["a", "b"]}]}, "a"),
        ({"type": "string", "format": "date"}, "2026-01-01"),
        ({"type": "string", "maxLength": 5, "title": "Code"}, "Code"),
    ],
)
def test_values_obey_the_rules_of_their_schema(schema: Document, value: object) -> None:
    assert sample(schema, "field") == value


def test_a_pattern_that_nothing_known_fits_is_told() -> None:
    with pytest.raises(Unknown, match=r"field: .* Field\(examples=…?"):
        sample({"type": "string", "pattern": "^[A-Z]{2}-[0-9]$"}, "field")


def test_what_contains_itself_is_left_open() -> None:
    node = {"properties": {"next": {"$ref": "#/components/schemas/Node"}}}
    response = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Node"}}}}
    operation = {"summary": "Read", "responses": {"200": response}}
    document = {"paths": {"/": {"get": operation}}, "components": {"schemas": {"Node": node}}}
    (read,) = operations(document)
    assert read.answer(200).schema == {"properties": {"next": {}}}
