"""What tests of telemetry stand on."""

from tests.unreachable import away

__all__ = ["away"]
