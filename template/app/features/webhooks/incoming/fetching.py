"""Files that messages name: fetched where anybody may have them, and as they were announced."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from http import HTTPStatus

import httpx

from app.features.webhooks.incoming.actions import Download, Refused
from app.features.webhooks.public_addresses import NotPublic
from app.features.webhooks.public_http import Answer, TooLarge, public_http
from app.settings import Settings

# What may be otherwise in a minute.
PASSING = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}


class NotFetched(Exception):
    """It could not be fetched now."""


async def fetch(
    download: Download, settings: Settings, *, most_bytes: int, within: timedelta
) -> bytes:
    """Return the file; raises Refused, or NotFetched for what may pass."""
    http = public_http(settings, within)
    try:
        answer = await http.fetch(download.url, most_bytes=most_bytes)
    except (NotPublic, TooLarge, httpx.TooManyRedirects) as error:
        raise Refused(f"the file is not fetched: {error}") from error
    except httpx.HTTPError as error:
        raise NotFetched(f"the file cannot be fetched: {error!r}") from error
    finally:
        await http.aclose()
    _require_success(answer)
    _require_announced(answer, download)
    return answer.body


def _require_success(answer: Answer) -> None:
    if answer.status == HTTPStatus.OK:
        return
    told = f"the file's server answers {answer.status}"
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in PASSING:
        raise NotFetched(told)
    raise Refused(told)


def _require_announced(answer: Answer, download: Download) -> None:
    media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type not in download.media_types:
        raise Refused(f"the file is of type {media_type[:100] or 'unknown'}")
    found = hashlib.sha256(answer.body).hexdigest()
    if download.sha256 is not None and found != download.sha256.lower():
        raise Refused("the file is not the one whose SHA-256 was sent")
