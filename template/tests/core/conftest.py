"""What tests of the core stand on."""

from tests.blocking_jobs import gate
from tests.unreachable import away

__all__ = ["away", "gate"]
