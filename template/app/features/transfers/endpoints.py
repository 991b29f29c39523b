"""The api of transfers: the routes of a module's exports and imports."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, params

from app.features.transfers.declared import Transfer
from app.features.transfers.incoming import endpoints as imports
from app.features.transfers.outgoing import endpoints as exports


def endpoints(*transfers: Transfer, dependencies: Sequence[params.Depends] = ()) -> APIRouter:
    """Return the router of a module's transfers; `dependencies` are asked for by all of it."""
    router = APIRouter(prefix="/v1", dependencies=list(dependencies))
    for each in transfers:
        exports.add(router, each)
        imports.add(router, each)
    return router
