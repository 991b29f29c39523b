import pytest
from pathlib import Path

@pytest.fixture(scope="session")
def project():
    return Path("/tmp/w/r")
