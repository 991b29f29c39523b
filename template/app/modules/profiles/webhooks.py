"""What webhooks may ask of profiles. Messages of another system feed them, in any order."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import select

from app.core.database import WriteSession
from app.core.errors import NotFound
from app.core.etag import ExpectedVersions
from app.features.webhooks.incoming.actions import Action, Download
from app.modules.profiles import images, service
from app.modules.profiles.models import Profile
from app.modules.profiles.schemas import EmployeeNumber, ProfileIn

# The other system knows nothing of our versions: it has its own.
ANY = ExpectedVersions(None)


class Whom(BaseModel):
    """Whose profile it is."""

    employee_number: EmployeeNumber


class Picture(Whom):
    """Where somebody's picture is."""

    url: str = Field(max_length=2000)
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-fA-F]{64}$")


class Update(Action):
    """A profile is as it says, and is made where there is none."""

    action: Literal["update"]
    data: ProfileIn

    @property
    def subject(self) -> str:
        return self.data.employee_number

    async def apply(self, session: WriteSession, file: bytes) -> None:  # noqa: ARG002
        profile_id = await _find(session, self.subject)
        if profile_id is None:
            await service.create(session, self.data)
        else:
            await service.replace(session, profile_id, self.data, ANY)


class ImportHeadshot(Action):
    """The headshot of a profile is the picture there."""

    part: ClassVar[str] = "headshot"

    action: Literal["import_headshot"]
    data: Picture

    @property
    def subject(self) -> str:
        return self.data.employee_number

    @property
    def download(self) -> Download:
        return Download(self.data.url, frozenset(images.FORMATS.values()), self.data.sha256)

    async def apply(self, session: WriteSession, file: bytes) -> None:
        profile_id = await _find(session, self.subject)
        if profile_id is None:
            # Tried again later: the update that makes it may be on its way.
            raise NotFound(f"there is no profile of {self.subject} yet")
        await service.upload_headshot(session, profile_id, file)


class Delete(Action):
    """A profile is no more."""

    deletes: ClassVar[bool] = True

    action: Literal["delete"]
    data: Whom

    @property
    def subject(self) -> str:
        return self.data.employee_number

    async def apply(self, session: WriteSession, file: bytes) -> None:  # noqa: ARG002
        profile_id = await _find(session, self.subject)
        if profile_id is not None:
            await service.remove(session, profile_id, ANY)


Content = Annotated[Update | ImportHeadshot | Delete, Field(discriminator="action")]


async def _find(session: WriteSession, employee_number: str) -> UUID | None:
    wanted = select(Profile.id).where(Profile.employee_number == employee_number)
    return (await session.execute(wanted)).scalar_one_or_none()
