"""Where webhooks arrive: `POST /webhooks/{source}`. docs/webhooks.md says why it is written so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.exc import OperationalError
from starlette.datastructures import Headers
from structlog.contextvars import bind_contextvars

from app.core import transactions
from app.core.database import WriteSession
from app.core.envelope import SuccessModel
from app.core.errors import NotFound, TooLarge
from app.core.logging import log_func_args
from app.features.webhooks.incoming import inbox
from app.features.webhooks.incoming.decoding import (
    get_action,
    get_decode_content,
    get_opened,
    get_public_key,
)
from app.features.webhooks.incoming.inbox import Fate
from app.features.webhooks.incoming.messages import NotNow
from app.features.webhooks.incoming.senders import Sender

logger = structlog.get_logger(__name__)

router = APIRouter(prefix="/webhooks", include_in_schema=False)


class Receipt(BaseModel):
    """What became of a message."""

    id: str = Field(description="What its sender calls it.")
    state: Fate


async def _sender(source: str, request: Request) -> Sender:
    sender: Sender | None = request.app.state.webhook_senders.get(source)
    if sender is None:
        raise NotFound("there is nothing here")
    bind_contextvars(source=source)
    return sender


async def _headers(request: Request) -> Headers:
    return request.headers


async def _raw_body(request: Request) -> bytes:
    """Read the body as it came, which is what was signed; no more of it than is accepted."""
    most: int = request.app.state.webhooks_max_bytes
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise _too_large(most)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise _too_large(most)
    return bytes(body)


def _too_large(most: int) -> TooLarge:
    error = TooLarge(f"a message has at most {most} bytes")
    # Nobody reads the rest, so nothing else can be read from this connection.
    error.headers = {"Connection": "close"}
    return error


async def _transaction(request: Request) -> Transaction:
    """Give something to begin a transaction with: strangers must not hold one while we look."""
    return partial(_begin, request)


@asynccontextmanager
async def _begin(request: Request) -> AsyncIterator[WriteSession]:
    try:
        async with asynccontextmanager(transactions.write)(request) as session:
            yield session
    except OperationalError as error:
        # A lock was waited for too long, or several have met in a deadlock (InnoDB).
        raise NotNow("somebody else is storing the same; send it again") from error


Transaction = Callable[[], AbstractAsyncContextManager[WriteSession]]
KnownSender = Annotated[Sender, Depends(_sender)]
SentHeaders = Annotated[Headers, Depends(_headers)]
RawBody = Annotated[bytes, Depends(_raw_body)]
Begin = Annotated[Transaction, Depends(_transaction)]


@router.post("/{source}", status_code=HTTPStatus.ACCEPTED)
@log_func_args
async def receive(
    sender: KnownSender, headers: SentHeaders, body: RawBody, begin: Begin, response: Response
) -> SuccessModel[Receipt]:
    """Receive a message: verify it, store it, and let a job do what it asks for."""
    body = get_opened(sender, body)
    key = await get_public_key(sender, body, headers)
    message = get_decode_content(key, body)
    action = get_action(sender, message)
    async with begin() as session:
        fate = await inbox.receive(session, sender.name, sender.module, message, action)
    logger.info("webhook.received", message_id=message.id, action=message.action, fate=fate)
    if fate is Fate.DUPLICATE:
        response.status_code = HTTPStatus.OK
    return SuccessModel(data=Receipt(id=message.id, state=fate))
