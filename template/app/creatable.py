"""What the api lets clients create, with the requests for it: all as its OpenAPI document says."""

from __future__ import annotations

import base64
import random
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

# JSON, as the document holds it.
Document = dict[str, Any]

_CREATED, _ACCEPTED = "201", "202"


class NoExample(LookupError):
    """A field that is required has no example."""


@dataclass(frozen=True)
class Call:
    """A request by example; `is_readable` says whether GET answers on the same path."""

    method: str
    path: str
    body: Document
    files: dict[str, bytes]
    is_readable: bool


@dataclass(frozen=True)
class Resource:
    """What can be created by example and deleted again, and what of it a job does."""

    creation: Call
    path: str
    job: Call | None


def resources(document: Document) -> list[Resource]:
    """Return them all; those with a job first."""
    found: list[Resource] = []
    paths: Document = document["paths"]
    for item in paths:
        path = re.sub(r"/{\w+}$", "", item)
        if path == item or "{" in path or "delete" not in paths[item]:
            continue
        below = (each for each in paths if each.startswith(item))
        jobs = (call for each in below for call in _calls(document, each, _ACCEPTED))
        created = (call for call in _calls(document, path, _CREATED) if call.method == "POST")
        found += [Resource(creation, item, next(jobs, None)) for creation in created]
    return sorted(found, key=lambda each: each.job is None)


def _calls(document: Document, path: str, status: str) -> Iterator[Call]:
    """Yield the operations that answer with `status` and can be called by example."""
    methods = document["paths"].get(path, {})
    for method, operation in methods.items():
        if status in operation["responses"]:
            with suppress(NoExample):
                body, files = _example(document, operation.get("requestBody", {}))
                yield Call(method.upper(), path, body, files, "get" in methods)


def _example(document: Document, request: Document) -> tuple[Document, dict[str, bytes]]:
    """Return the fields and the files of a body; raises NoExample."""
    content: Document = next(iter(request.get("content", {}).values()), {"schema": {}})
    schema = _resolved(document, content["schema"])
    if examples := schema.get("examples"):
        return examples[0], {}
    required = schema.get("required", ())
    rules = {name: _resolved(document, schema["properties"][name]) for name in required}
    files = {name: rule for name, rule in rules.items() if "contentMediaType" in rule}
    fields = {name: _value(rule, name) for name, rule in rules.items() if name not in files}
    return fields, {name: base64.b64decode(_value(rule, name)) for name, rule in files.items()}


def _resolved(document: Document, schema: Document) -> Document:
    name = schema.get("$ref", "").removeprefix("#/components/schemas/")
    found: Document = document["components"]["schemas"][name] if name else schema
    return found


def _value(rule: Document, name: str) -> Any:  # noqa: ANN401 - JSON
    for given in (*rule.get("examples", ()), *rule.get("enum", ())):
        is_free = isinstance(given, str) and not rule.keys() & {"format", "contentMediaType"}
        return _renumbered(given) if is_free else given
    raise NoExample(name)


def _renumbered(text: str) -> str:
    """Return the example with another number at its end: what must be unique is, each time."""
    digits = len(text) - len(text.rstrip("0123456789"))
    others = random.choices("0123456789", k=digits)  # noqa: S311 - no secret
    return text[: len(text) - digits] + "".join(others)
