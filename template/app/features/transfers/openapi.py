"""What the OpenAPI document says of transfers to the programs that read it."""

from __future__ import annotations

# Its answer depends on how far a job is, or on a file: a request by example would prove nothing.
NOT_BY_EXAMPLE = {"x-by-example": False}
