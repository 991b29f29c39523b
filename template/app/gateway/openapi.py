"""The api's document as gateways read it: OpenAPI 3.0.3, and within the limits of their importers.

FastAPI says 3.1. What only that knows is said in 3.0's words where it has some, and left out where
it only helps people. https://learn.microsoft.com/azure/api-management/api-management-api-import-restrictions
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

Document = dict[str, Any]

METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
# For those who operate it, inside: a gateway does not publish them.
UNPUBLISHED = {"health"}
MOST_BYTES = 4 * 1024 * 1024
LONGEST_ID = 76
LONGEST_SUMMARY = 300
# Said by 3.1 alone, and by no answer that a client gets.
_UNKNOWN = frozenset(
    {"$schema", "$id", "$defs", "$comment", "contentMediaType", "contentEncoding", "if", "then"}
    | {"else", "patternProperties", "propertyNames", "unevaluatedProperties", "dependentSchemas"}
)
_VALUES = frozenset({"default", "example", "enum", "required"})


def for_gateways(document: Document) -> Document:
    """Return what is published, in OpenAPI 3.0.3."""
    told = deepcopy(document)
    told["openapi"] = "3.0.3"
    for name in ("webhooks", "jsonSchemaDialect", "servers"):
        told.pop(name, None)
    told["paths"] = {
        path: item for path, item in told["paths"].items() if not _is_unpublished(item)
    }
    for each in operations(told):
        each.pop("callbacks", None)
        _convert_operation(each)
    components = told.get("components", {})
    schemas = components.get("schemas", {})
    components["schemas"] = {name: _schema(each) for name, each in schemas.items()}
    return told


def as_text(document: Document) -> str:
    """As it is written: JSON, which is YAML too."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def operations(document: Document) -> Iterator[Document]:
    """Yield every operation, in the order of the document."""
    for item in document["paths"].values():
        yield from (item[method] for method in METHODS if method in item)


def identity(operation: Document) -> str:
    """Return the id under which Azure keeps an operation and its policies."""
    return re.sub(r"[^a-z0-9]+", "-", operation["operationId"].lower()).strip("-")


def violations(document: Document) -> Iterator[str]:
    """Yield what an importer refuses or loses, a sentence each."""
    if (size := len(json.dumps(document).encode())) > MOST_BYTES:
        yield f"the document has {size} bytes, and Azure takes {MOST_BYTES}"
    seen: set[str] = set()
    for each in operations(document):
        name = each["operationId"]
        if (kept := identity(each)) in seen:
            yield f"{name}: another operation is called {kept} too, to Azure"
        seen.add(kept)
        if len(kept) > LONGEST_ID:
            yield f"{name} has more than {LONGEST_ID} characters: give it an operation_id"
        if len(each.get("summary", "")) > LONGEST_SUMMARY:
            yield f"{name}: its summary has more than {LONGEST_SUMMARY} characters"
        yield from _of_parameters(name, each.get("parameters", ()))
    schemas = document.get("components", {}).get("schemas", {})
    yield from (
        f"{name} contains itself, and Azure takes no recursive schema"
        for name in schemas
        if _contains(name, schemas[name], schemas, frozenset())
    )


def _of_parameters(name: str, parameters: list[Document]) -> Iterator[str]:
    for each in parameters:
        if each["in"] == "cookie":
            yield f"{name}: gateways pass no parameter in a cookie ({each['name']})"
        if each["in"] == "query" and each.get("style", "form") != "form":
            yield f"{name}: a list in the query is known as form only ({each['name']})"
    named = [each["name"] for each in parameters if each["in"] in {"path", "query"}]
    for twice in sorted({each for each in named if named.count(each) > 1}):
        yield f"{name}: path and query both have {twice}"


def _contains(name: str, said: object, schemas: Document, above: frozenset[str]) -> bool:
    for reference in set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(said))):
        if reference == name:
            return True
        if reference not in above and _contains(
            name, schemas.get(reference, {}), schemas, above | {reference}
        ):
            return True
    return False


def _is_unpublished(item: Document) -> bool:
    tags = {tag for method in METHODS for tag in item.get(method, {}).get("tags", ())}
    return bool(tags & UNPUBLISHED)


def _convert_operation(operation: Document) -> None:
    bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
    for body in bodies:
        for content in body.get("content", {}).values():
            _convert(content)
        for header in body.get("headers", {}).values():
            _convert(header)
    for parameter in operation.get("parameters", ()):
        _convert(parameter)


def _convert(holder: Document) -> None:
    if "schema" in holder:
        holder["schema"] = _schema(holder["schema"])


def _schema(said: Any) -> Any:  # noqa: ANN401 - a part of a schema may be anything
    if isinstance(said, list):
        return [_schema(each) for each in said]
    if not isinstance(said, dict):
        return said
    told = _bounds(_nullable(_reference(dict(said))))
    if "const" in told:
        told["enum"] = [told.pop("const")]
    if examples := told.pop("examples", None):
        told.setdefault("example", examples[0])
    if told.get("contentMediaType") == "application/octet-stream":
        told["format"] = "binary"
    if places := told.pop("prefixItems", None):
        told |= {"items": {"anyOf": places}, "minItems": len(places), "maxItems": len(places)}
    kept = {name: value for name, value in told.items() if name not in _UNKNOWN}
    return {name: value if name in _VALUES else _schema(value) for name, value in kept.items()}


def _reference(said: Document) -> Document:
    """Beside a reference 3.0 reads nothing."""
    if "$ref" in said and len(said) > 1:
        return {"allOf": [{"$ref": said.pop("$ref")}], **said}
    return said


def _nullable(said: Document) -> Document:
    """What may be null says so by a word of its own."""
    types = said.get("type")
    if isinstance(types, list):
        others = [each for each in types if each != "null"]
        said["nullable"] = len(others) < len(types)
        said.pop("type")
        said |= (
            {"type": others[0]} if len(others) == 1 else {"anyOf": [{"type": t} for t in others]}
        )
    for several in ("anyOf", "oneOf"):
        choices = said.get(several, [])
        others = [each for each in choices if each.get("type") != "null"]
        if len(others) < len(choices):
            said.pop(several)
            only, *more = others
            alone = {"allOf": [only]} if "$ref" in only else only
            said = {**({several: others} if more else alone), **said, "nullable": True}
    return said


def _bounds(said: Document) -> Document:
    """3.0 has the bound in one word, and whether it is outside in another."""
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if exclusive in said:
            said[bound], said[exclusive] = said[exclusive], True
    return said
