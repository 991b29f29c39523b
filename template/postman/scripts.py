"""What Postman runs around a request, in JavaScript: mostly the tests of an answer."""

from __future__ import annotations

import json
from collections.abc import Sequence

from postman.openapi import Content, Document, bare

Lines = list[str]

# After every answer of the collection.
ALWAYS = [
    'pm.test("tells its request id", () => pm.response.to.have.header("X-Request-ID"));',
    'const tag = pm.response.headers.get("ETag");',
    'if (tag && pm.response.code < 300) pm.collectionVariables.set("etag", tag);',
]
# Before a creation: what it sends is new in each run.
RENEW = ['pm.collectionVariables.set("run", String(Math.floor(Date.now() / 1000)));']
# A creation that is sent again with its key: nothing is done, and nothing else is answered.
KEEP_ANSWER = ['pm.collectionVariables.set("answer", pm.response.text());']
IS_THE_SAME = [
    'const first = pm.collectionVariables.get("answer");',
    "const isSame = () => pm.expect(pm.response.text()).to.equal(first);",
    'pm.test("is the first answer, once more", isSame);',
]


def answers(status: int) -> Lines:
    return [f'pm.test("answers {status}", () => pm.response.to.have.status({status}));']


def gives(content: Content) -> Lines:
    """Test that the body is of its type and shape, or that there is none."""
    if not content.media_type:
        return ['pm.test("has no body", () => pm.expect(pm.response.text()).to.equal(""));']
    kind = json.dumps(content.media_type)
    sent = 'pm.expect(pm.response.headers.get("Content-Type"))'
    lines = [f'pm.test("is {content.media_type}", () => {sent}.to.include({kind}));']
    if content.schema is not None:
        schema = json.dumps(bare(content.schema), ensure_ascii=False)
        test = f"pm.response.to.have.jsonSchema({schema})"
        lines.append(f'pm.test("has the documented shape", () => {test});')
    return lines


def keeps(name: str, member: str) -> Lines:
    """Keep a member of the answer in a variable, for the requests that follow."""
    kept = f'pm.collectionVariables.set("{name}", pm.response.json().{member})'
    return [f"if (pm.response.code < 300) {kept};"]


def is_about(name: str, member: str) -> Lines:
    """Test that the answer is about the very thing that was asked for."""
    asked = f'pm.expect(String(pm.response.json().{member})).to.equal(pm.variables.get("{name}"))'
    return [f'pm.test("is about the one asked for", () => {asked});']


def only_with(name: str, lines: Sequence[str]) -> Lines:
    """Test only where a variable has a value."""
    indented = [f"  {line}" for line in lines]
    asking = f'const isKnown = Boolean(pm.variables.get("{name}"));'
    skipped = f'  pm.test.skip("there is no {name}, so nothing is refused", () => null);'
    return [asking, "if (isKnown) {", *indented, "} else {", skipped, "}"]


def once_it_is_there(lines: Sequence[str]) -> Lines:
    """Ask again while a job is still making it, for ten seconds; then test."""
    indented = [f"  {line}" for line in lines]
    return [
        'const asked = Number(pm.collectionVariables.get("asked") || 0);',
        "if (pm.response.code === 404 && asked < 50) {",
        '  pm.collectionVariables.set("asked", asked + 1);',
        "  pm.execution.setNextRequest(pm.info.requestId);",
        "  setTimeout(() => {}, 200);",
        "} else {",
        '  pm.collectionVariables.unset("asked");',
        *indented,
        "}",
    ]


def member_of(schema: Document | None, name: str) -> str | None:
    """Return where `name` is in an answer: at its top, or in the envelope of `data`."""
    members = (schema or {}).get("properties", {})
    if name in members:
        return name
    return f"data.{name}" if name in members.get("data", {}).get("properties", {}) else None
