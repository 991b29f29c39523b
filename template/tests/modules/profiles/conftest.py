"""What tests of profiles stand on."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image


@pytest.fixture
def picture() -> bytes:
    """A picture as a camera makes it: larger than a thumbnail and not square."""
    target = BytesIO()
    Image.new("RGB", (800, 600), "steelblue").save(target, "PNG")
    return target.getvalue()
