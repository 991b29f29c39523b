"""The environments: what differs between the places that the requests are sent to."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import NAMESPACE_URL, uuid5

from postman.collection import BASE_URL, KEY
from postman.openapi import Document

# This machine's is nobody else's; the addresses of the others are to be filled in, for everybody.
LOCAL = "local"
PLACES = {
    "dev": "https://dev.{project}.example",
    "uat": "https://uat.{project}.example",
    "prod": "https://{project}.example",
}


def environment(project: str, place: str) -> Document:
    return {
        "id": str(uuid5(NAMESPACE_URL, f"{project}/environment/{place}")),
        "name": f"{project}-{place}",
        "values": [],
        "_postman_variable_scope": "environment",
    }


def completed(there: Document, base_url: str, *, is_guarded: bool) -> Document:
    """Return the environment that is there, with what it lacks; its own values stay."""
    known = {value["key"] for value in there["values"]}
    needed = _values(base_url, is_guarded=is_guarded)
    lacking = [value for value in needed if value["key"] not in known]
    return there | {"values": [*there["values"], *lacking]}


def _values(base_url: str, *, is_guarded: bool) -> Iterator[Document]:
    yield {"key": BASE_URL, "value": base_url, "type": "default", "enabled": True}
    if is_guarded:
        # Its value is typed in Postman, which keeps it to itself.
        yield {"key": KEY, "value": "", "type": "secret", "enabled": True}
