"""The public keys, for whoever verifies what we sign or encrypts what only we read (RFC 7517)."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

from fastapi import APIRouter, HTTPException, Response

from app.core.etag import IfNoneMatch
from app.core.transactions import Reads
from app.features.keys import process, tokens
from app.features.keys.keyset import keyset

router = APIRouter(tags=["keys"])


# Nobody calls it by hand, and no gateway needs to know it: it is not in the OpenAPI document.
@router.api_route("/.well-known/jwks.json", methods=["GET", "HEAD"], include_in_schema=False)
async def read_jwks(reads: Reads, tag: IfNoneMatch) -> Response:
    """Return them, also those that sign nothing yet; may be kept for `KEYS_MAX_AGE`."""
    document = json.dumps({"keys": tokens.jwks(await keyset(reads))}, sort_keys=True)
    etag = f'"{hashlib.sha256(document.encode()).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": _caching(process.own().keys_max_age)}
    try:
        tag(etag)
    except HTTPException as unchanged:
        raise HTTPException(unchanged.status_code, headers=headers) from None
    return Response(document, headers=headers, media_type="application/json")


def _caching(max_age: timedelta) -> str:
    return f"public, max-age={max_age.total_seconds():.0f}"
