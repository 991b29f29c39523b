"""Ask a process of this machine whether it lives: `python -m app.probe [PORT]`.

For who can only run commands, as a container's HEALTHCHECK does. It imports nothing of the app: it
runs every few seconds. Ends with 0 where /livez answers 200, else with 1 and the reason.
"""

from __future__ import annotations

import os
import sys
from http.client import HTTPConnection, HTTPException

SECONDS = 2


def main() -> None:
    port = int(sys.argv[1] if sys.argv[1:] else os.environ.get("PORT", "8000"))
    connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", "/livez")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        sys.exit(f"Nothing lives on port {port}: {error}")
    if status != 200:  # noqa: PLR2004 - OK
        sys.exit(f"/livez on port {port} answers {status}.")


if __name__ == "__main__":
    main()
