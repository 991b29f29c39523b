"""The jobs of profiles."""

from __future__ import annotations

import asyncio
from uuid import UUID

from app.core.jobs import Attempt, job
from app.modules.profiles import images, service


@job(service.MAKE_THUMBNAIL)
async def make_thumbnail(attempt: Attempt, profile_id: UUID, version: UUID) -> None:
    """Make the thumbnail of one upload. An upload that was replaced since needs none."""
    image = await service.uploaded_image(attempt.reads, profile_id, version)
    if image is not None:
        data = await asyncio.to_thread(images.thumbnail, image)
        async with attempt.finishes() as session:
            await service.attach_thumbnail(session, profile_id, version, data)
