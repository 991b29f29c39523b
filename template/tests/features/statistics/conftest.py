"""What tests of statistics stand on: a table with triggers, as the revision makes them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.features.statistics.settings import configure
from app.settings import Settings
from tests.features.statistics.sales import watched


@pytest.fixture(scope="module", autouse=True)
def triggers(database_url: str) -> Iterator[None]:
    with watched(database_url):
        yield


@pytest.fixture(autouse=True)
def configured(settings: Settings) -> None:
    """Go by the settings of the test."""
    configure(settings)
