"""What can be read in two ways is refused: a name that stands twice in an object or in a query.

Of two such values one proxy, log or validator sees the first, and another the last.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request

from app.core.errors import InvalidInput

TWICE = "is given twice"


async def require_unambiguous(request: Request) -> None:
    """Raise InvalidInput where a name is given twice; a parameter that is a list may be."""
    if b"&" in request.scope["query_string"]:
        _require_each_once(request)
    headers = request.headers
    kind = headers.get("content-type", "").partition(";")[0].strip()
    if kind.endswith("json") and headers.get("content-length") != "0":
        body = await request.body()  # which the endpoint has read already
        if body:
            json.loads(body, object_pairs_hook=_once)


def _require_each_once(request: Request) -> None:
    query = request.scope["query_string"].decode("latin-1")
    names = Counter(name for name, _ in parse_qsl(query, keep_blank_values=True))
    repeated = [name for name, times in names.items() if times > 1]
    if repeated and (wrong := set(repeated) - _lists_of(request, repeated)):
        raise InvalidInput(f"query.{min(wrong)}", TWICE)


def _lists_of(request: Request, names: Iterable[str]) -> set[str]:
    """Return which of the names a client may repeat; all where the document does not say."""
    path = getattr(request.scope.get("route"), "path_format", None)
    operation = request.app.openapi()["paths"].get(path, {}).get(request.method.lower())
    if operation is None:
        return set(names)
    asked = operation.get("parameters", ())
    return {each["name"] for each in asked if each["in"] == "query" and _is_list(each["schema"])}


def _is_list(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "array" or any(map(_is_list, schema.get("anyOf", ())))


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counted = Counter(name for name, _ in pairs)
        (name, _), *_rest = counted.most_common(1)
        raise InvalidInput(f"body.{name}", TWICE)
    return found
