"""Values to send: the example that a schema gives, else one that obeys its rules.

A text is another one in each run, wherever its rules leave room for that: what has to be unique is.
Of an example, the number at its end is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from postman.openapi import REFERS, Document

OPEN, CLOSE = "{" * 2, "}" * 2
# Stands for the number of the run while rules are tried: seconds since 1970 have ten digits.
_A_RUN = "1763845200"


class Unknown(Exception):
    """No value is known that the api would take."""


def variable(name: str) -> str:
    """Return the placeholder that Postman and .http files replace by the value of a variable."""
    return f"{OPEN}{name}{CLOSE}"


RUN = variable("run")


def sample(schema: Document, name: str) -> Any:  # noqa: ANN401 - JSON
    """Return a value for `schema`; raises Unknown, with `name`, where none is found."""
    if REFERS in schema:
        return variable(schema[REFERS])
    for given in _given(schema):
        return given
    for choice in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        if choice.get("type") != "null":
            return sample(choice, name)
    kind = "object" if "properties" in schema else schema.get("type", "")
    if kind in _MADE:
        return _MADE[kind](schema, name)
    return None


def _given(schema: Document) -> Iterator[Any]:
    for example in schema.get("examples", ()):
        if isinstance(example, str) and "format" not in schema:
            renumbered = re.sub(r"\d+$", RUN, example)
            yield renumbered if _fits(renumbered.replace(RUN, _A_RUN), schema) else example
        else:
            yield example
    yield from (schema[key] for key in ("example", "const") if key in schema)
    yield from schema.get("enum", ())


def _object(schema: Document, name: str) -> Document:
    required = schema.get("required", ())
    fields = schema.get("properties", {}).items()
    return {field: sample(rule, f"{name}.{field}") for field, rule in fields if field in required}


def _array(schema: Document, name: str) -> list[Any]:
    return [sample(schema["items"], name)] * schema.get("minItems", 0)


def _number(schema: Document, _: str) -> int | float:
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    value: int | float = min(least, schema.get("maximum", least))
    return value


def _text(schema: Document, name: str) -> str:
    words = {
        "email": f"{RUN}@example.com",
        "uuid": "00000000-0000-4000-8000-000000000000",
        "date": "2026-01-01",
        "date-time": "2026-01-01T00:00:00Z",
        "time": "12:00:00Z",
        "duration": "PT1H",
        "uri": f"https://example.com/{RUN}",
    }
    if schema.get("format") in words:
        return words[schema["format"]]
    title = schema.get("title", name.rpartition(".")[2])
    for text in (f"{title} {RUN}", RUN, title, "x" * schema.get("minLength", 1)):
        if _fits(text.replace(RUN, _A_RUN), schema):
            return text
    raise Unknown(f"{name}: no text is known that fits; give it one by Field(examples=[…])")


def _fits(text: str, schema: Document) -> bool:
    most = schema.get("maxLength", len(text))
    is_long_enough = schema.get("minLength", 0) <= len(text) <= most
    return is_long_enough and re.search(schema.get("pattern", ""), text) is not None


_MADE: dict[str, Callable[[Document, str], Any]] = {
    "object": _object,
    "array": _array,
    "integer": _number,
    "number": _number,
    "boolean": lambda *_: True,
    "string": _text,
}
