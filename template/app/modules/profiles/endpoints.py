"""The api of profiles."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, File, Request, Response, UploadFile, status

from app.core import images
from app.core.envelope import SuccessModel
from app.core.errors import TooLarge
from app.core.pagination import Cursors, Page, PageParams
from app.core.security.scopes import REFUSALS, requires
from app.core.transactions import Reads, Writes
from app.modules.profiles import service
from app.modules.profiles.schemas import ProfileIn, ProfileOut

router = APIRouter(prefix="/v1/profiles", tags=["profiles"], responses=REFUSALS)
READ, WRITE = requires("profiles:read"), requires("profiles:write")

Responses = dict[int | str, dict[str, Any]]
NOT_FOUND: Responses = {404: {}}
CONFLICT: Responses = {409: {}}
TOO_LARGE: Responses = {413: {}}
THUMBNAIL: Responses = {200: {"content": {images.THUMBNAIL_TYPE: {}}}}


async def _cursors(request: Request) -> Cursors:
    return request.app.state.cursors  # type: ignore[no-any-return]


@router.post("", dependencies=[WRITE], status_code=status.HTTP_201_CREATED, responses=CONFLICT)
async def create_profile(
    draft: ProfileIn, writes: Writes, response: Response
) -> SuccessModel[ProfileOut]:
    """Create a profile."""
    profile = await service.create(writes, draft)
    response.headers["Location"] = f"{router.prefix}/{profile.id}"
    return SuccessModel(data=profile)


@router.get("", dependencies=[READ])
async def list_profiles(
    page: PageParams, reads: Reads, cursors: Annotated[Cursors, Depends(_cursors)]
) -> SuccessModel[Page[ProfileOut]]:
    """List profiles, newest first: walk by `cursor`, or jump by `page`."""
    return SuccessModel(data=await service.list_page(reads, page, cursors))


@router.get("/{profile_id}", dependencies=[READ], responses=NOT_FOUND)
async def read_profile(profile_id: UUID, reads: Reads) -> SuccessModel[ProfileOut]:
    """Return one profile."""
    return SuccessModel(data=await service.get(reads, profile_id))


@router.put("/{profile_id}", dependencies=[WRITE], responses=NOT_FOUND | CONFLICT)
async def replace_profile(
    profile_id: UUID, draft: ProfileIn, writes: Writes
) -> SuccessModel[ProfileOut]:
    """Replace a profile."""
    return SuccessModel(data=await service.replace(writes, profile_id, draft))


@router.delete(
    "/{profile_id}",
    dependencies=[WRITE],
    status_code=status.HTTP_204_NO_CONTENT,
    responses=NOT_FOUND,
)
async def delete_profile(profile_id: UUID, writes: Writes) -> None:
    """Delete a profile and its headshot."""
    await service.remove(writes, profile_id)


@router.put(
    "/{profile_id}/headshot",
    dependencies=[WRITE],
    status_code=status.HTTP_202_ACCEPTED,
    responses=NOT_FOUND | TOO_LARGE,
)
async def upload_headshot(
    profile_id: UUID, image: Annotated[UploadFile, File()], writes: Writes, request: Request
) -> SuccessModel[ProfileOut]:
    """Upload a picture (JPEG, PNG or WebP); a job makes the thumbnail."""
    most = request.app.state.settings.max_upload_bytes
    data = await image.read(most + 1)
    if len(data) > most:
        message = f"a headshot has at most {most} bytes"
        raise TooLarge(message)
    return SuccessModel(data=await service.upload_headshot(writes, profile_id, data))


@router.get(
    "/{profile_id}/headshot",
    dependencies=[READ],
    response_class=Response,
    responses=THUMBNAIL | NOT_FOUND,
)
async def read_headshot(profile_id: UUID, reads: Reads) -> Response:
    """Return the thumbnail of a profile's headshot."""
    return Response(await service.thumbnail(reads, profile_id), media_type=images.THUMBNAIL_TYPE)
