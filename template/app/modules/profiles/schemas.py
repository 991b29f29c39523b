"""What the api takes and gives of profiles."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, EmailStr, Field, StringConstraints

from app.core.etag import entity_tag
from app.core.listing import PageQuery
from app.modules.profiles.models import HeadshotState

Line = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$"
    ),
]
# Nobody tells two addresses apart by their case.
Email = Annotated[EmailStr, AfterValidator(str.lower)]
EmployeeNumber = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,20}$")]


class ProfileIn(BaseModel):
    """A profile as a client writes it."""

    model_config = ConfigDict(extra="forbid")

    employee_number: EmployeeNumber = Field(examples=["E-18151210"])
    full_name: Line = Field(examples=["Ada Lovelace"])
    email: Email = Field(examples=["ada@example.com"])
    department: Line = Field(examples=["Engines"])


class ProfileQuery(PageQuery):
    """Which profiles, and in which order."""

    sort: Literal[
        "created_at",
        "-created_at",
        "full_name",
        "-full_name",
        "employee_number",
        "-employee_number",
    ] = Field(default="-created_at", description="`-` means backwards.")
    department: Line | None = Field(default=None, description="Exactly this department.")
    q: Line | None = Field(
        default=None, description="How the full name begins, whatever its case and accents."
    )


class ProfileOut(BaseModel):
    """A profile as the api gives it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    employee_number: str
    full_name: str
    email: str
    department: str
    headshot: HeadshotState = Field(
        description="`ready` once the thumbnail can be fetched, `failed` where none can be made."
    )
    created_at: datetime
    updated_at: datetime
    version: int = Field(description="Counts the changes; the `ETag` begins with it.")

    @property
    def etag(self) -> str:
        return entity_tag(self.version, self.headshot)
