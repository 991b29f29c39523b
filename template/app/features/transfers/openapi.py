"""What the OpenAPI document says of transfers to the programs that read it."""

from __future__ import annotations

# Its answer depends on how far a job is, or on a file: a request by example would prove nothing.
NOT_BY_EXAMPLE = {"x-by-example": False}
# What the files are, by what their names end with.
MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}
