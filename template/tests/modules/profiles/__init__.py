"""Tests of profiles."""

from __future__ import annotations

URL = "/v1/profiles"


def draft(number: int = 1, **fields: str) -> dict[str, str]:
    return {
        "employee_number": f"E-{number:03}",
        "full_name": "Ada Lovelace",
        "email": "ada@example.com",
        "department": "Engines",
    } | fields
