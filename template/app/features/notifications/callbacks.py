"""What providers say became of messages, after they had taken them."""

from __future__ import annotations

import hmac
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, Field
from sqlalchemy import select, update

from app.core.database import WriteSession
from app.core.envelope import SuccessModel
from app.core.errors import NotFound
from app.core.logging import log_func_args
from app.core.transactions import Writes
from app.features.notifications import desk, settings
from app.features.notifications.models import Channel, State
from app.features.notifications.tables import MESSAGES, changed

router = APIRouter(prefix="/notifications/callbacks", include_in_schema=False)


class Event(StrEnum):
    """What became of a message. A bounce and a complaint suppress its recipient."""

    DELIVERED = "delivered"
    FAILED = "failed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


SUPPRESSING = {Event.BOUNCED: "it bounced", Event.COMPLAINED: "its recipient has complained"}


class Callback(BaseModel):
    """What a provider says."""

    provider_id: str = Field(min_length=1, max_length=200)
    event: Event
    detail: str = Field(default="", max_length=500)


class Noted(BaseModel):
    """Whether it was news: repeated and late callbacks are none."""

    changed: bool


@router.post("/{channel}")
async def note(
    channel: Channel,
    callback: Callback,
    writes: Writes,
    request: Request,
    token: Annotated[str, Header(alias="X-Callback-Token")] = "",
) -> SuccessModel[Noted]:
    """Note what became of a message."""
    _require_provider(request, token)
    return SuccessModel(data=Noted(changed=await noted(writes, channel, callback)))


def _require_provider(request: Request, token: str) -> None:
    """Raise NotFound for whoever does not know the token: to them, nothing is here."""
    expected = settings.read(request.app.state.settings).notifications_callback_token
    known = expected is not None and hmac.compare_digest(
        expected.get_secret_value().encode(), token.encode()
    )
    if not known:
        raise NotFound("there is nothing here")


@log_func_args
async def noted(session: WriteSession, channel: Channel, callback: Callback) -> bool:
    """Note it; raises NotFound for a message that nobody here has sent."""
    ours = MESSAGES.c.provider_id == callback.provider_id, MESSAGES.c.channel == channel
    found = await session.execute(select(MESSAGES.c.recipient).where(*ours).limit(1))
    if (recipient := found.scalar_one_or_none()) is None:
        raise NotFound(f"no message is called {callback.provider_id}")
    became = State.DELIVERED if callback.event is Event.DELIVERED else State.FAILED
    # What has failed stays so: "delivered" may come late, by another way.
    earlier = {State.SENT, State.UNKNOWN, State.DELIVERED} - {became}
    change = update(MESSAGES).where(*ours, MESSAGES.c.state.in_(earlier))
    number = await changed(session, change.values(state=became, detail=callback.detail))
    if reason := SUPPRESSING.get(callback.event):
        await desk.suppress(session, channel, recipient, reason)
    return number > 0
