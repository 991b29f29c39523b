"""What gateways are told: their own OpenAPI, within their limits, and the same ids for ever."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from app.commands.gateway import FOLDER, describe
from app.gateway import azure
from app.gateway.folder import ENVIRONMENTS, Folder, Unpublishable
from app.gateway.openapi import for_gateways, identity, operations, violations
from app.settings import Project, read_project
from tests.things import URL, listed

Document = dict[str, Any]
PROJECTS_OWN: Document = describe()
with listed():  # whatever else the project has, there are things
    API: Document = describe()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path, Project("big-shop", "1.2.3", "Sells."))


def with_schema(schema: Document) -> Document:
    """A document with one operation, which answers with that."""
    content = {"application/json": {"schema": schema}}
    operation = {"operationId": "get it", "responses": {"200": {"content": content}}}
    return {"openapi": "3.1.0", "info": {}, "paths": {"/v1/it": {"get": operation}}}


def converted(schema: Document) -> Document:
    (operation,) = operations(for_gateways(with_schema(schema)))
    told: Document = operation["responses"]["200"]["content"]["application/json"]["schema"]
    return told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        (
            {"anyOf": [{"type": "integer"}, {"type": "null"}], "title": "N"},
            {"type": "integer", "title": "N", "nullable": True},
        ),
        (
            {"anyOf": [{"$ref": "#/x"}, {"type": "null"}]},
            {"allOf": [{"$ref": "#/x"}], "nullable": True},
        ),
        (
            {"oneOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]},
            {"oneOf": [{"type": "integer"}, {"type": "string"}], "nullable": True},
        ),
        ({"const": "a"}, {"enum": ["a"]}),
        ({"exclusiveMinimum": 0}, {"minimum": 0, "exclusiveMinimum": True}),
        ({"examples": [1, 2]}, {"example": 1}),
        ({"$ref": "#/x", "title": "X"}, {"allOf": [{"$ref": "#/x"}], "title": "X"}),
        (
            {"prefixItems": [{"const": 1}]},
            {"items": {"anyOf": [{"enum": [1]}]}, "minItems": 1, "maxItems": 1},
        ),
        (
            {"type": "string", "contentMediaType": "application/octet-stream"},
            {"type": "string", "format": "binary"},
        ),
        (
            {"default": {"const": 1}, "patternProperties": {}},
            {"default": {"const": 1}},
        ),
    ],
)
def test_what_only_3_1_knows_is_said_in_words_of_3_0(said: Document, told: Document) -> None:
    assert converted(said) == told


def test_the_api_is_within_the_limits_and_publishes_no_health() -> None:
    told = for_gateways(API)
    assert list(violations(told)) == []
    assert told["openapi"] == "3.0.3"
    assert not {"/livez", "/readyz"} & told["paths"].keys()
    text = json.dumps(told)
    assert not re.search(r'"type": "null"|"const":|"prefixItems":|"\$defs":', text)
    assert not re.search(r'"exclusiveM\w+": \d', text)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"operationId": "x" * 77}, "more than 76 characters"),
        ({"summary": "x" * 301}, "summary has more than 300"),
        ({"parameters": [{"in": "cookie", "name": "c"}]}, "no parameter in a cookie"),
        ({"parameters": [{"in": "query", "name": "q", "style": "deepObject"}]}, "as form only"),
        (
            {"parameters": [{"in": "query", "name": "id"}, {"in": "path", "name": "id"}]},
            "path and query both have id",
        ),
    ],
)
def test_a_limit_that_is_broken_is_named(change: Document, told: str) -> None:
    document = with_schema({})
    document["paths"]["/v1/it"]["get"] |= change
    assert any(told in each for each in violations(for_gateways(document)))


def test_recursion_and_ids_that_azure_takes_for_the_same_are_named() -> None:
    document = with_schema({"$ref": "#/components/schemas/Tree"})
    branch = {"properties": {"leaf": {"$ref": "#/components/schemas/Branch"}}}
    back = {"properties": {"tree": {"$ref": "#/components/schemas/Tree"}}}
    document["components"] = {"schemas": {"Tree": branch, "Branch": back}}
    document["paths"]["/v1/other"] = {"get": {"operationId": "Get.It", "responses": {}}}
    told = "\n".join(violations(for_gateways(document)))
    assert "Tree contains itself" in told
    assert "another operation is called get-it too" in told


def test_a_second_export_changes_nothing_and_keeps_what_people_filled_in(
    folder: Folder, tmp_path: Path
) -> None:
    assert folder.differing(API) == []
    assert folder.write(API)
    filled = tmp_path / "azure/configuration.prod.yaml"
    filled.write_text("apimServiceName: ours\n")
    assert folder.write(API) == []
    assert filled.read_text() == "apimServiceName: ours\n"
    (tmp_path / "wso2/api.yaml").write_text("")
    assert folder.differing(API) == [Path("wso2/api.yaml")]


def test_an_operation_that_is_gone_is_let_go_of_only_when_that_is_meant(
    folder: Folder, tmp_path: Path
) -> None:
    folder.write(API)
    less = json.loads(json.dumps(API))
    path = next(path for path in less["paths"] if path.startswith(URL))
    gone = {identity(each) for each in operations({"paths": {path: less["paths"].pop(path)}})}
    before = (tmp_path / "operations.txt").read_text()
    with pytest.raises(Unpublishable, match=min(gone)):
        folder.write(less)
    assert (tmp_path / "operations.txt").read_text() == before
    folder.write(less, may_drop=True)
    assert not gone & set((tmp_path / "operations.txt").read_text().split())


def test_the_policy_is_well_formed_and_every_value_that_it_names_is_configured(
    folder: Folder, tmp_path: Path
) -> None:
    folder.write(API)
    text = (tmp_path / "azure/apis/big-shop/policy.xml").read_text()
    root = ET.fromstring(text)  # noqa: S314 - our own
    assert [each.tag for each in root] == ["inbound", "backend", "outbound", "on-error"]
    assert all(each[0].tag == "base" for each in root)
    named = set(re.findall(r"\{\{(.*?)\}\}", text))
    assert named == {f"big-shop-{each}" for each in azure.named_values(for_gateways(API))}
    for environment in ENVIRONMENTS:
        configured = (tmp_path / f"azure/configuration.{environment}.yaml").read_text()
        assert all(f"- name: {each}\n" in configured for each in named)
        assert "- name: big-shop\n" in configured
    assert "client-key" in azure.policy("shop", is_guarded=True)
    assert "Authorization" not in azure.policy("shop", is_guarded=False)


def test_wso2_gets_a_project_by_a_name_that_it_takes(folder: Folder, tmp_path: Path) -> None:
    folder.write(API)
    data = json.loads((tmp_path / "wso2/api.yaml").read_text())["data"]
    assert (data["name"], data["version"], data["context"]) == ("BigShop", "v1", "/big-shop")
    assert (
        json.loads((tmp_path / "wso2/Definitions/swagger.yaml").read_text())["openapi"] == "3.0.3"
    )


def test_the_folder_that_is_committed_is_what_the_api_says() -> None:
    differing = Folder(FOLDER, read_project()).differing(PROJECTS_OWN)
    assert differing == [], "python -m app gateway export"
