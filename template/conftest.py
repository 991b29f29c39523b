"""Every test calls as anybody and as often as it likes, unless it says otherwise."""

from __future__ import annotations

import os

os.environ |= {"AUTH_REQUIRED": "false", "RATE_LIMIT_PER_MINUTE": "0"}
