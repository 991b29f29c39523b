"""The api of exports: asked for, followed, cancelled, fetched."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from sqlalchemy import Row, select

from app.core.envelope import SuccessModel
from app.core.etag import IfNoneMatch
from app.core.listing import PAGING, Cursors, Listing, Page, PageQuery, equals
from app.core.transactions import Reads, Writes
from app.features.transfers.declared import Transfer
from app.features.transfers.errors import Gone
from app.features.transfers.openapi import MEDIA_TYPES, NOT_BY_EXAMPLE
from app.features.transfers.outgoing import exports
from app.features.transfers.outgoing.models import EXPORTS, Format
from app.features.transfers.outgoing.ranges import part_of
from app.features.transfers.outgoing.schemas import ExportOut, ExportsQuery, Manifest
from app.features.transfers.routes import AddRoute, adding
from app.features.transfers.storage import NoFile, opened

FILE: dict[str, Any] = {"content": {each.partition(";")[0]: {} for each in MEDIA_TYPES.values()}}
DOWNLOAD: dict[int | str, dict[str, Any]] = {
    200: FILE | {"description": "The file"},
    206: FILE | {"description": "The part of it that was asked for"},
    304: {"description": "You have it already"},
    404: {},
    409: {},
    410: {},
    416: {},
}


def add(router: APIRouter, transfer: Transfer) -> None:
    """Add the routes of a transfer's exports: `/v1/exports/NAME`."""
    add_route = adding(router, "exports", transfer.name)
    _add_asking(add_route, transfer)
    _add_following(add_route, transfer)
    _add_fetching(add_route, transfer)


def _add_asking(add_route: AddRoute, transfer: Transfer) -> None:
    draft_of = _draft(transfer)

    async def create(
        draft: Any,  # noqa: ANN401 - a type of its own
        writes: Writes,
        request: Request,
        response: Response,
    ) -> SuccessModel[ExportOut]:
        query = _query(transfer, draft.query.model_dump(exclude_unset=True))
        requester: str | None = getattr(request.state, "caller", None)
        export = await exports.request(writes, transfer, draft.format, query, requester)
        response.headers["Location"] = f"{request.url.path}/{export.id}"
        return SuccessModel(data=export)

    create.__annotations__["draft"] = draft_of
    add_route(
        "",
        create,
        methods=["POST"],
        status_code=HTTPStatus.CREATED,
        name=f"export_{transfer.name}",
        summary=f"Export {transfer.name}",
        description="A job makes the file, of one moment: follow it by its `Location`.",
    )

    async def cancel(export_id: UUID, writes: Writes) -> SuccessModel[ExportOut]:
        return SuccessModel(data=await exports.cancel(writes, transfer.name, export_id))

    add_route(
        "/{export_id}/cancel",
        cancel,
        methods=["POST"],
        name=f"cancel_export_of_{transfer.name}",
        summary=f"Cancel an export of {transfer.name}",
        responses={404: {}, 409: {}},
        openapi_extra=NOT_BY_EXAMPLE,
    )


def _add_following(add_route: AddRoute, transfer: Transfer) -> None:
    listing = Listing(
        Page[ExportOut],
        select(EXPORTS).where(EXPORTS.c.transfer == transfer.name),
        EXPORTS.c.id,
        sorts={"created_at": EXPORTS.c.created_at},
        filters={"state": equals(EXPORTS.c.state)},
    )

    async def list_exports(
        query: Annotated[ExportsQuery, Query()], reads: Reads, request: Request
    ) -> SuccessModel[Page[ExportOut]]:
        cursors: Cursors = request.app.state.cursors
        return SuccessModel(data=await listing.page(reads, query, cursors))

    add_route(
        "",
        list_exports,
        name=f"list_exports_of_{transfer.name}",
        summary=f"List exports of {transfer.name}",
    )

    async def read(export_id: UUID, reads: Reads) -> SuccessModel[ExportOut]:
        found = await exports.get(reads, transfer.name, export_id)
        return SuccessModel(data=ExportOut.model_validate(found))

    add_route(
        "/{export_id}",
        read,
        name=f"read_export_of_{transfer.name}",
        summary=f"Say how far an export of {transfer.name} is",
        responses={404: {}},
    )


def _add_fetching(add_route: AddRoute, transfer: Transfer) -> None:
    async def read_manifest(export_id: UUID, reads: Reads) -> SuccessModel[Manifest]:
        found = await exports.file_of(reads, transfer.name, export_id)
        return SuccessModel(data=Manifest.model_validate(found))

    add_route(
        "/{export_id}/manifest",
        read_manifest,
        name=f"read_manifest_of_{transfer.name}",
        summary=f"Say what the file of an export of {transfer.name} is",
        responses={404: {}, 409: {}, 410: {}},
        openapi_extra=NOT_BY_EXAMPLE,
    )

    async def fetch(
        export_id: UUID,
        reads: Reads,
        tag: IfNoneMatch,
        asked: Annotated[str | None, Header(alias="Range", max_length=200)] = None,
        if_range: Annotated[str | None, Header(max_length=200)] = None,
    ) -> Response:
        found = await exports.file_of(reads, transfer.name, export_id)
        entity = f'"{found.sha256}"'
        tag(entity)
        return await _answer(found, asked, if_range, _headers(transfer, found, entity))

    add_route(
        "/{export_id}/file",
        fetch,
        name=f"fetch_export_of_{transfer.name}",
        summary=f"Fetch the file of an export of {transfer.name}",
        description="With `Range` and `If-Range` a fetch that was interrupted goes on.",
        response_class=Response,
        responses=DOWNLOAD,
        openapi_extra=NOT_BY_EXAMPLE,
    )


async def _answer(
    found: Row[Any], asked: str | None, if_range: str | None, headers: Mapping[str, str]
) -> Response:
    part = part_of(found.bytes, asked, if_range, headers["ETag"])
    status, first, size = HTTPStatus.OK, 0, found.bytes
    more = {}
    if part is not None:
        status, first, size = HTTPStatus.PARTIAL_CONTENT, part.first, part.size
        more = {"Content-Range": part.content_range(found.bytes)}
    try:
        content = await opened(found.file, first, size)
    except NoFile:
        raise Gone("the file is not there any more: ask for another export") from None
    return StreamingResponse(
        content,
        status,
        {**headers, **more, "Content-Length": str(size)},
        media_type=MEDIA_TYPES[found.format],
    )


def _headers(transfer: Transfer, found: Row[Any], entity: str) -> dict[str, str]:
    ending = f"{found.snapshot_at:%Y-%m-%d}.{found.format}"
    called = quote(f"{transfer.title or transfer.name}-{ending}", safe="")
    names = f"filename=\"{transfer.name}-{ending}\"; filename*=UTF-8''{called}"
    return {
        "ETag": entity,
        "Accept-Ranges": "bytes",
        "Content-Disposition": f"attachment; {names}",
        # It is for whoever may ask, and a cache would not ask again.
        "Cache-Control": "private, no-cache",
    }


def _draft(transfer: Transfer) -> type[BaseModel]:
    """Return what a client asks with: the format, and what it may ask of the list."""
    titled = "".join(word.capitalize() for word in transfer.name.split("_"))
    strict = ConfigDict(extra="forbid")
    fields: dict[str, Any] = {
        name: (field.annotation, field)
        for name, field in transfer.query.model_fields.items()
        if name not in PAGING
    }
    query = create_model(f"{titled}ExportQuery", __config__=strict, **fields)
    described = Field(
        default_factory=query, description="Which rows, and in which order: as for the list."
    )
    return create_model(
        f"{titled}ExportIn",
        __config__=strict,
        format=(Format, Field(default=Format.CSV)),
        query=(query, described),
    )


def _query(transfer: Transfer, asked: dict[str, Any]) -> PageQuery:
    """Return the list's own query, which may have rules between its fields."""
    try:
        return transfer.query.model_validate(asked)
    except ValidationError as error:
        located = [{**each, "loc": ("body", "query", *each["loc"])} for each in error.errors()]
        raise RequestValidationError(located) from error
