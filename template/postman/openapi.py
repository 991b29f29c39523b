"""The OpenAPI document, as far as requests are made from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# JSON, as the api's own document holds it.
Document = dict[str, Any]

METHODS = ("post", "put", "patch", "get", "delete")
# What the schema of a field says that holds the id of something else: the parameter of its path.
REFERS = "x-refers-to"
# Whether an operation can be called by example; one whose answer depends on a job may deny it.
BY_EXAMPLE = "x-by-example"
# What a schema says to people, and what no answer is held to.
_WORDS = frozenset({"title", "description", "examples", "example", "default", "deprecated"})


@dataclass(frozen=True)
class Content:
    """What is sent or answered: its media type and its schema, where JSON is described by one."""

    media_type: str = ""
    schema: Document | None = None


@dataclass(frozen=True)
class Operation:
    """One method of one path, and what the document says of it."""

    method: str
    path: str
    said: Document
    document: Document

    @property
    def name(self) -> str:
        name: str = self.said["summary"]
        return name

    @property
    def tag(self) -> str:
        tags: list[str] = self.said.get("tags", ["others"])
        return tags[0]

    @property
    def is_guarded(self) -> bool:
        return bool(self.said.get("security"))

    @property
    def success(self) -> int:
        return min(int(code) for code in self.said["responses"] if code.startswith("2"))

    @property
    def body(self) -> Content:
        return self._content(self.said.get("requestBody", {}))

    def declares(self, status: int) -> bool:
        return str(status) in self.said["responses"]

    def answer(self, status: int) -> Content:
        return self._content(self.said["responses"][str(status)])

    def parameters(self, place: str) -> list[Document]:
        found = [inlined(self.document, each) for each in self.said.get("parameters", [])]
        return [each for each in found if each["in"] == place]

    @property
    def request_key(self) -> str | None:
        """The header by which a creation that is sent again is known, where there is one."""
        names = (each["name"] for each in self.parameters("header") if self.method == "post")
        return next((name.title() for name in names if name.lower().endswith("-key")), None)

    def takes(self, header: str) -> bool:
        """Say whether it looks at that header."""
        return any(each["name"].lower() == header.lower() for each in self.parameters("header"))

    def _content(self, holder: Document) -> Content:
        for media_type, content in holder.get("content", {}).items():
            schema = inlined(self.document, content["schema"]) if "schema" in content else None
            return Content(media_type, schema)
        return Content()


def operations(document: Document) -> Iterator[Operation]:
    """Yield every operation that can be called by example, in the order of the document."""
    for path, methods in document["paths"].items():
        for method in (each for each in METHODS if each in methods):
            if methods[method].get(BY_EXAMPLE, True):
                yield Operation(method, path, methods[method], document)


# It may be anything that JSON knows.
def inlined(document: Document, value: Any, within: tuple[str, ...] = ()) -> Any:  # noqa: ANN401
    """Return `value` with what it refers to in its place; what contains itself is left open."""
    if isinstance(value, list):
        return [inlined(document, each, within) for each in value]
    if not isinstance(value, dict):
        return value
    target = value.get("$ref")
    if not isinstance(target, str):
        return {name: inlined(document, each, within) for name, each in value.items()}
    if target in within:
        return {}
    found: Any = document
    for part in target.removeprefix("#/").split("/"):
        found = found[part]
    return inlined(document, found, (*within, target))


def bare(schema: Document) -> Document:
    """Return the schema without its words."""
    kept = {name: value for name, value in schema.items() if name not in _WORDS}
    for name in ("items", "additionalProperties"):
        if isinstance(kept.get(name), dict):
            kept[name] = bare(kept[name])
    for name in ("anyOf", "oneOf", "allOf", "prefixItems"):
        if name in kept:
            kept[name] = [bare(each) for each in kept[name]]
    if "properties" in kept:
        kept["properties"] = {name: bare(each) for name, each in kept["properties"].items()}
    return kept
