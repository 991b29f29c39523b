"""`Idempotency-Key`: what an endpoint that creates something does with it.

Keys are scoped by caller, path and method. The same key with another request is a 422; failures are
not kept, so they can be repeated; a duplicate that comes while the first is in work waits for it.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
from collections.abc import Awaitable, Callable
from inspect import Parameter
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response, params, status
from fastapi.routing import APIRoute
from pydantic import BaseModel

from app import modules
from app.core.endpoints import endpoints_of
from app.core.errors import Conflict, InvalidInput
from app.core.transactions import Writes
from app.features.idempotency import response_store
from app.features.idempotency.response_store import Answer

REPLAYED = "Idempotency-Replayed"
RETRY_AFTER_SECONDS = 1
IF_UNCONFIRMED = "; repeat the request with the same Idempotency-Key, and it happens once"
# Where no feature says who calls, all callers are one.
NOBODY = "anonymous"

Key = Annotated[
    str | None,
    Header(
        pattern=r"^[\x21-\x7e]{1,255}$",
        description="Repeat the request with the same key, and it still happens once.",
    ),
]
Endpoint = Callable[..., Awaitable[BaseModel]]

_idempotent: set[Callable[..., object]] = set()


class Busy(Conflict):
    """What is asked for is being done by another request; repeat it in a moment."""

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.headers = {"Retry-After": str(retry_after)}


def make_idempotent() -> None:
    """Let the modules' creations honour the key; to be called before the api serves them."""
    for _, router in modules.routers():
        for route, _ in endpoints_of(router):
            if _creates(route):
                route.endpoint = idempotent(route.endpoint)


def _creates(route: APIRoute) -> bool:
    form = route.body_field is not None and isinstance(route.body_field.field_info, params.Form)
    return route.methods == {"POST"} and route.status_code == status.HTTP_201_CREATED and not form


class Attempt:
    """One request of an idempotent endpoint; without a key it is like any other."""

    def __init__(self, request: Request, response: Response, session: Writes, key: str) -> None:
        self._request = request
        self._response = response
        self._session = session
        # Nobody gets the answers of another.
        caller = getattr(request.state, "caller", NOBODY)
        self._id = response_store.answer_id(caller, request.method, request.url.path, key)

    async def earlier(self) -> Response | None:
        """Return what this request was answered before; None when the effect is now ours."""
        fingerprint = await self._fingerprint()
        lifetime = self._request.app.state.idempotency.idempotency_lifetime
        try:
            found = await response_store.claim(self._session, self._id, fingerprint, lifetime)
        except response_store.Contended as error:
            message = "a request with this Idempotency-Key is in work"
            raise Busy(message, RETRY_AFTER_SECONDS) from error
        if found is None:
            return None
        if found.fingerprint != fingerprint:
            raise InvalidInput("header.Idempotency-Key", "was used for another request")
        return _respond(found, {REPLAYED: "true"})

    async def keep(self, result: BaseModel) -> Response:
        """Store the answer in the transaction of the effect, and return it."""
        answer = Answer(
            fingerprint=await self._fingerprint(),
            status=self._request.scope["route"].status_code,
            headers=dict(self._response.headers),
            body=result.model_dump_json(by_alias=True).encode(),
        )
        await response_store.keep(self._session, self._id, answer)
        return _respond(answer, {})

    async def _fingerprint(self) -> str:
        # What the body says counts, not how it is spaced.
        body = await self._request.json() if await self._request.body() else None
        said = [self._request.url.query, body]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def idempotent(endpoint: Endpoint) -> Endpoint:
    """Make an endpoint with a JSON body honour `Idempotency-Key`.

    It must write through `Writes` alone: only that transaction is the answer's too.
    """
    if endpoint in _idempotent:
        return endpoint

    @functools.wraps(endpoint)
    async def once(
        *,
        attempt: Attempt | None,
        **values: Any,  # noqa: ANN401 - the endpoint's own
    ) -> BaseModel | Response:
        if attempt is None:
            return await endpoint(**values)
        earlier = await attempt.earlier()
        return earlier or await attempt.keep(await endpoint(**values))

    signature = inspect.signature(endpoint)
    annotation = Annotated[Attempt | None, Depends(_attempt)]
    ours = Parameter("attempt", Parameter.KEYWORD_ONLY, annotation=annotation)
    parameters = [*signature.parameters.values(), ours]
    once.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    _idempotent.add(once)
    return once  # type: ignore[return-value]


async def _attempt(
    request: Request, response: Response, session: Writes, idempotency_key: Key = None
) -> Attempt | None:
    if not idempotency_key:
        return None
    request.state.if_unconfirmed = IF_UNCONFIRMED
    return Attempt(request, response, session, idempotency_key)


def _respond(answer: Answer, headers: dict[str, str]) -> Response:
    return Response(
        answer.body, answer.status, answer.headers | headers, media_type="application/json"
    )
