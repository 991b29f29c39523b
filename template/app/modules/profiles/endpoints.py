"""The api of profiles."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, File, Query, Request, Response, UploadFile

from app.core.envelope import SuccessModel
from app.core.errors import TooLarge
from app.core.etag import IfMatch, IfNoneMatch
from app.core.listing import Cursors, Page
from app.core.transactions import Reads, Writes
from app.modules.profiles import images, service
from app.modules.profiles.schemas import ProfileIn, ProfileOut, ProfileQuery

router = APIRouter(prefix="/v1/profiles", tags=["profiles"])

NOT_MODIFIED = {"description": "You have it already"}
THUMBNAIL: dict[str, Any] = {"content": {images.THUMBNAIL_TYPE: {}}}
# The smallest PNG, in Base64: an example for those who try the api out, and for the smoke test.
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2kUIOwAAAABJRU5ErkJggg=="
)


@router.post("", status_code=201, responses={409: {}})
async def create_profile(
    draft: ProfileIn, writes: Writes, request: Request, response: Response
) -> SuccessModel[ProfileOut]:
    """Create a profile."""
    profile = await service.create(writes, draft)
    response.headers["Location"] = f"{request.url.path}/{profile.id}"
    response.headers["ETag"] = profile.etag
    return SuccessModel(data=profile)


@router.get("")
async def list_profiles(
    query: Annotated[ProfileQuery, Query()], reads: Reads, request: Request
) -> SuccessModel[Page[ProfileOut]]:
    """List profiles: walk by `cursor`, or jump by `page`."""
    cursors: Cursors = request.app.state.cursors
    return SuccessModel(data=await service.list_page(reads, query, cursors))


@router.get("/{profile_id}", responses={304: NOT_MODIFIED, 404: {}})
async def read_profile(
    profile_id: UUID, reads: Reads, tag: IfNoneMatch
) -> SuccessModel[ProfileOut]:
    """Return one profile."""
    profile = await service.get(reads, profile_id)
    tag(profile.etag)
    return SuccessModel(data=profile)


@router.put("/{profile_id}", responses={404: {}, 409: {}, 412: {}, 428: {}})
async def replace_profile(
    profile_id: UUID, draft: ProfileIn, writes: Writes, seen: IfMatch, response: Response
) -> SuccessModel[ProfileOut]:
    """Replace a profile that you have read."""
    profile = await service.replace(writes, profile_id, draft, seen)
    response.headers["ETag"] = profile.etag
    return SuccessModel(data=profile)


@router.delete("/{profile_id}", status_code=204, responses={404: {}, 412: {}, 428: {}})
async def delete_profile(profile_id: UUID, writes: Writes, seen: IfMatch) -> None:
    """Delete a profile that you have read, and its headshot."""
    await service.remove(writes, profile_id, seen)


@router.put("/{profile_id}/headshot", status_code=202, responses={404: {}, 413: {}})
async def upload_headshot(
    profile_id: UUID,
    image: Annotated[UploadFile, File(examples=[PIXEL])],
    writes: Writes,
    request: Request,
) -> SuccessModel[ProfileOut]:
    """Upload a picture (JPEG, PNG or WebP); a job makes the thumbnail."""
    most = request.app.state.settings.max_upload_bytes
    data = await image.read(most + 1)
    if len(data) > most:
        raise TooLarge(f"a headshot has at most {most} bytes")
    return SuccessModel(data=await service.upload_headshot(writes, profile_id, data))


@router.get("/{profile_id}/headshot", response_class=Response, responses={200: THUMBNAIL, 404: {}})
async def read_headshot(profile_id: UUID, reads: Reads) -> Response:
    """Return the thumbnail of a profile's headshot."""
    return Response(await service.thumbnail(reads, profile_id), media_type=images.THUMBNAIL_TYPE)
