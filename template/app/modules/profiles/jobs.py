"""The jobs of profiles."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import structlog

from app.core.jobs import Attempt, job
from app.modules.profiles import images, service

logger = structlog.get_logger(__name__)
# One picture at a time is held whole, and by one thread: what it frees serves the next.
_decoder = ThreadPoolExecutor(1, "pictures")


@job(service.MAKE_THUMBNAIL)
async def make_thumbnail(attempt: Attempt, profile_id: UUID, version: UUID) -> None:
    """Make the thumbnail of one upload. An upload that was replaced since needs none."""
    image = await service.uploaded_image(attempt.reads, profile_id, version)
    if image is None:
        return
    try:
        loop = asyncio.get_running_loop()
        data = await loop.run_in_executor(_decoder, images.thumbnail, image)
    except Exception as error:  # noqa: BLE001 - decoders raise of every kind
        # It will be no image the next time, either.
        logger.warning("thumbnail.failed", profile=str(profile_id), error=repr(error))
        data = service.NO_THUMBNAIL
    async with attempt.finishes() as session:
        await service.attach_thumbnail(session, profile_id, version, data)
