"""Dramatiq's master process: it starts the worker's process, and hands signals on to it.

To Dramatiq a hang-up is a wish to begin again, with whatever `python` the PATH has. Here it is what
a terminal says when it closes: an end like any other.
"""

from __future__ import annotations

import os
import signal
import sys

from dramatiq import cli


def main() -> int:
    cli.HANDLED_SIGNALS.discard(signal.SIGHUP)
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    return int(cli.main())  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    sys.exit(main())
