"""What Schemathesis must know to make data of our formats: loaded by it, in its own process."""

from __future__ import annotations

import schemathesis
from hypothesis import strategies as st

# Addresses that exist in principle: domains reserved for tests and examples are refused.
schemathesis.openapi.format(
    "email", st.from_regex(r"[a-z]{1,30}@[a-z]{3,30}\.(com|org)", fullmatch=True)
)
