"""Which requests are sent, in which order, and what is expected of each answer.

Whatever is created is changed, read and deleted after it, so that nothing of it stays; in between
are the requests that have to be refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from postman import scripts
from postman.openapi import METHODS, REFERS, Document, Operation, operations
from postman.samples import RUN, sample, variable

STALE = '"0"'
_DELETE = "delete"


@dataclass(frozen=True)
class Step:
    """One request, and what Postman runs before and after it; `but` says what is special.

    It is in the `folder` of what is tested, though it may be about something else.
    """

    operation: Operation
    status: int
    folder: str
    but: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    before: scripts.Lines = field(default_factory=list)
    after: scripts.Lines = field(default_factory=list)
    is_anonymous: bool = False

    @property
    def name(self) -> str:
        return f"{self.operation.name}, {self.but}" if self.but else self.operation.name


def steps(document: Document) -> list[Step]:
    """Return every request, in an order in which each finds what it needs."""
    found = list(operations(document))
    tags = list(dict.fromkeys(operation.tag for operation in found))
    found.sort(key=lambda operation: (tags.index(operation.tag), *_rank(operation)))
    api = Api(found)
    return [step for operation in found for step in api.steps_of(operation)]


def _rank(operation: Operation) -> tuple[bool, int, int]:
    """What stands higher in the path is made first, and deleted last."""
    is_last = operation.method == _DELETE
    depth = operation.path.count("/")
    return is_last, -depth if is_last else depth, METHODS.index(operation.method)


@dataclass(frozen=True)
class Api:
    """All operations: what one needs, another one gives."""

    operations: list[Operation]

    def steps_of(self, operation: Operation) -> Iterator[Step]:
        """Yield what is asked of one operation."""
        is_deleting = operation.method == _DELETE
        usual = self._usual(operation)
        if not is_deleting:
            yield from self._targets_made(operation)
            yield usual
        yield from self._refused(operation, usual)
        if is_deleting:
            yield usual
            yield from self._gone(operation)
            yield from self._targets_deleted(operation)

    def _usual(self, operation: Operation) -> Step:
        after = [*scripts.answers(operation.success)]
        after += scripts.gives(operation.answer(operation.success))
        member = scripts.member_of(operation.answer(operation.success).schema, "id")
        before: scripts.Lines = []
        if made := self._made_by(operation):
            before = scripts.RENEW
            after += scripts.keeps(made, member) if member else []
            after += scripts.KEEP_ANSWER if operation.request_key else []
        elif operation.path.endswith("}") and member:
            after += scripts.is_about(_parameters(operation.path)[-1], member)
        if self._is_made_by_a_job(operation):
            after = scripts.once_it_is_there(after)
        return Step(
            operation,
            operation.success,
            operation.tag,
            headers=_headers(operation),
            path={name: variable(name) for name in _parameters(operation.path)},
            body=_body(operation),
            before=before,
            after=after,
        )

    def _refused(self, operation: Operation, usual: Step) -> Iterator[Step]:
        """Yield the requests that have to be refused, and those that change nothing."""
        if operation.method == "post":
            yield from _sent_again(operation, usual)
        if operation.declares(428):
            yield _variant(usual, 428, "of which nothing was seen", {"If-Match": ""})
            yield _variant(usual, 412, "of which something old was seen", {"If-Match": STALE})
        if operation.declares(304):
            yield _variant(usual, 304, "which is known", {"If-None-Match": variable("etag")})
        if operation.method == "get" and operation.is_guarded and not usual.path:
            yield _by_nobody(usual)

    def _gone(self, deleted: Operation) -> Iterator[Step]:
        for operation in self.operations:
            if operation.path == deleted.path and operation.method == "get":
                yield _variant(self._usual(operation), 404, "which is gone", {})

    def _targets_made(self, operation: Operation) -> Iterator[Step]:
        """Yield the creations of what a new one has to refer to."""
        for target in self._targets(operation):
            usual = self._usual(target)
            yield replace(usual, folder=operation.tag, but=f"for {operation.tag}")

    def _targets_deleted(self, deleted: Operation) -> Iterator[Step]:
        for made in self._below(deleted):
            for target in reversed(self._targets(made)):
                for operation in self.operations:
                    if operation.method == _DELETE and target in self._below(operation):
                        usual = self._usual(operation)
                        headers = {"If-Match": "*"} if "If-Match" in usual.headers else {}
                        step = _variant(usual, usual.status, f"for {deleted.tag}", headers)
                        yield replace(step, folder=deleted.tag)

    def _targets(self, operation: Operation) -> list[Operation]:
        """Return the creations that come first, each after those that it needs itself."""
        makers = {self._made_by(each): each for each in self.operations}
        schema = operation.body.schema or {}
        rules = [schema.get("properties", {}).get(name, {}) for name in schema.get("required", ())]
        found: list[Operation] = []
        for name in [rule[REFERS] for rule in rules if REFERS in rule]:
            if self._made_by(operation) and name in makers:
                found += [*self._targets(makers[name]), makers[name]]
        return [each for place, each in enumerate(found) if each not in found[:place]]

    def _below(self, operation: Operation) -> list[Operation]:
        """Return the creation of what an operation is about."""
        collection = operation.path.rpartition("/{")[0]
        return [each for each in self.operations if each.path == collection and self._made_by(each)]

    def _made_by(self, operation: Operation) -> str | None:
        """Return the variable that names what a creation makes, in the paths below its own."""
        below = re.compile(re.escape(operation.path) + r"/{(\w+)}")
        if operation.method != "post" or operation.success != HTTPStatus.CREATED:
            return None
        names = (below.fullmatch(each.path) for each in self.operations)
        return next((match[1] for match in names if match), None)

    def _is_made_by_a_job(self, operation: Operation) -> bool:
        others = [each for each in self.operations if each.path == operation.path]
        accepted = any(each.success == HTTPStatus.ACCEPTED for each in others)
        return operation.method == "get" and accepted


def _sent_again(operation: Operation, usual: Step) -> Iterator[Step]:
    key = operation.request_key
    without_key = {key: ""} if key else {}
    if key:
        again = _variant(usual, usual.status, "sent again", {})
        yield replace(again, after=[*again.after, *scripts.IS_THE_SAME])
    if operation.declares(409):
        yield _variant(usual, 409, "which is there already", without_key)
    if operation.declares(422) and usual.body and operation.body.media_type == "application/json":
        yield replace(_variant(usual, 422, "of nothing", without_key), body={})


def _by_nobody(usual: Step) -> Step:
    refused = _variant(usual, 401, "by nobody", {})
    after = scripts.only_with("clientKey", refused.after)
    return replace(refused, after=after, is_anonymous=True)


def _variant(usual: Step, status: int, but: str, headers: Mapping[str, str]) -> Step:
    """Return the request with other headers, of which empty ones are left out."""
    sent = {name: value for name, value in {**usual.headers, **headers}.items() if value}
    after = [*scripts.answers(status), *scripts.gives(usual.operation.answer(status))]
    return replace(usual, status=status, but=but, headers=sent, before=[], after=after)


def _headers(operation: Operation) -> dict[str, str]:
    headers = {"If-Match": variable("etag")} if operation.takes("If-Match") else {}
    if operation.request_key:
        headers[operation.request_key] = RUN
    known = {name.lower() for name in headers}
    for each in operation.parameters("header"):
        if each.get("required") and each["name"].lower() not in known:
            headers[each["name"]] = str(sample(each["schema"], each["name"]))
    return headers


def _body(operation: Operation) -> Any:  # noqa: ANN401 - JSON, or the fields of a form
    schema = operation.body.schema
    return None if schema is None else sample(schema, operation.name)


def _parameters(path: str) -> list[str]:
    return re.findall(r"{(\w+)}", path)
