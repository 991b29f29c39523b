"""The api of imports: a file is sent, followed, cancelled, and what is bad of it fetched."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import select
from starlette.requests import ClientDisconnect

from app.core import transactions
from app.core.envelope import SuccessModel
from app.core.errors import InvalidInput
from app.core.listing import Cursors, Listing, Page, equals
from app.core.transactions import Reads, Writes
from app.features.transfers.declared import Transfer
from app.features.transfers.errors import Gone
from app.features.transfers.incoming import imports, uploading
from app.features.transfers.incoming.imports import Asked
from app.features.transfers.incoming.models import IMPORTS
from app.features.transfers.incoming.reading import Stated
from app.features.transfers.incoming.schemas import ImportOut, ImportQuery, ImportsQuery
from app.features.transfers.openapi import MEDIA_TYPES, NOT_BY_EXAMPLE
from app.features.transfers.routes import AddRoute, adding
from app.features.transfers.storage import NoFile, opened

BINARY = {"schema": {"type": "string", "format": "binary"}}
FILE: dict[str, Any] = {MEDIA_TYPES[each].partition(";")[0]: BINARY for each in ("csv", "xlsx")}
SENT = {"requestBody": {"required": True, "content": FILE | {"application/octet-stream": BINARY}}}
# Under which paths a request may be as long as a file may be.
PREFIX = "/v1/imports/"


def add(router: APIRouter, transfer: Transfer) -> None:
    """Add the routes of a transfer's imports: `/v1/imports/NAME`."""
    add_route = adding(router, "imports", transfer.name)
    _add_sending(add_route, transfer)
    _add_following(add_route, transfer)
    _add_fetching(add_route, transfer)


def _add_sending(add_route: AddRoute, transfer: Transfer) -> None:
    async def send(
        query: Annotated[ImportQuery, Query()], request: Request, response: Response
    ) -> SuccessModel[ImportOut]:
        requester: str | None = getattr(request.state, "caller", None)
        stated = Stated(query.encoding, query.delimiter)
        # No transaction is open while a stranger sends, nor while the file is stored.
        begin = partial(asynccontextmanager(transactions.write), request)
        try:
            async with uploading.uploaded(request.stream(), transfer, stated) as (upload, part):
                asked = Asked(transfer.name, query, upload, requester)
                found = await imports.receive(begin, asked, part)
        except ClientDisconnect as error:
            raise InvalidInput("body", "has no end: the client has gone") from error
        response.headers["Location"] = f"{request.url.path}/{found.id}"
        return SuccessModel(data=found)

    add_route(
        "",
        send,
        methods=["POST"],
        status_code=HTTPStatus.ACCEPTED,
        name=f"import_{transfer.name}",
        summary=f"Import {transfer.name}",
        description="The body is the file, CSV or XLSX. A job imports it: follow it by its"
        " `Location`. The same file, sent again to be imported alike, is the same import.",
        openapi_extra=SENT | NOT_BY_EXAMPLE,
        responses={413: {}},
    )

    async def cancel(import_id: UUID, writes: Writes) -> SuccessModel[ImportOut]:
        return SuccessModel(data=await imports.cancel(writes, transfer.name, import_id))

    add_route(
        "/{import_id}/cancel",
        cancel,
        methods=["POST"],
        name=f"cancel_import_of_{transfer.name}",
        summary=f"Cancel an import of {transfer.name}",
        description="What is written stays: ask for all or nothing where that must not be.",
        openapi_extra=NOT_BY_EXAMPLE,
        responses={404: {}, 409: {}},
    )


def _add_following(add_route: AddRoute, transfer: Transfer) -> None:
    listing = Listing(
        Page[ImportOut],
        select(IMPORTS).where(IMPORTS.c.transfer == transfer.name),
        IMPORTS.c.id,
        sorts={"created_at": IMPORTS.c.created_at},
        filters={"state": equals(IMPORTS.c.state)},
    )

    async def list_imports(
        query: Annotated[ImportsQuery, Query()], reads: Reads, request: Request
    ) -> SuccessModel[Page[ImportOut]]:
        cursors: Cursors = request.app.state.cursors
        return SuccessModel(data=await listing.page(reads, query, cursors))

    add_route(
        "",
        list_imports,
        name=f"list_imports_of_{transfer.name}",
        summary=f"List imports of {transfer.name}",
    )

    async def read(import_id: UUID, reads: Reads) -> SuccessModel[ImportOut]:
        found = await imports.get(reads, transfer.name, import_id)
        return SuccessModel(data=ImportOut.model_validate(found))

    add_route(
        "/{import_id}",
        read,
        name=f"read_import_of_{transfer.name}",
        summary=f"Say how far an import of {transfer.name} is",
        openapi_extra=NOT_BY_EXAMPLE,
        responses={404: {}},
    )


def _add_fetching(add_route: AddRoute, transfer: Transfer) -> None:
    async def fetch(import_id: UUID, reads: Reads) -> Response:
        found = await imports.report_of(reads, transfer.name, import_id)
        try:
            content = await opened(found.report, 0, found.report_bytes)
        except NoFile:
            raise Gone("the report is not there any more") from None
        name = f"{transfer.name}-{import_id}.{found.format}"
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Length": str(found.report_bytes),
        }
        media_type = MEDIA_TYPES[found.format]
        return StreamingResponse(content, HTTPStatus.OK, headers, media_type=media_type)

    add_route(
        "/{import_id}/report",
        fetch,
        name=f"fetch_report_of_import_of_{transfer.name}",
        summary=f"Fetch the bad rows of an import of {transfer.name}",
        description="In the format of the file, each with what is wrong: mend and send it again.",
        response_class=Response,
        openapi_extra=NOT_BY_EXAMPLE,
        responses={200: {"content": FILE, "description": "The report"}, 404: {}, 409: {}, 410: {}},
    )
