"""`python -m tests.machine.killing STEP SECONDS up`: headstart, killed so far into that step.

At the latest it is killed before the journal says that the step is done. A step that has nothing to
do is noticed when a later one is about to begin, and the run ends there.
"""

from __future__ import annotations

import os
import signal
import sys
from threading import Timer
from unittest.mock import patch

from bootstrap import cli
from bootstrap.machine.journal import Journal
from bootstrap.machine.steps import all_steps


def main() -> None:
    """Run `headstart` with what remains of the arguments."""
    step, seconds = sys.argv[1], float(sys.argv[2])
    del sys.argv[1:3]
    names = [str(each.name) for each in all_steps()]
    ends = {("step-started", name) for name in names[names.index(step) + 1 :]}
    ends.add(("step-done", step))
    write = Journal.write

    def writing(journal: Journal, event: str, **details: str | float) -> None:
        moment = (event, str(details.get("step")))
        if moment in ends:
            _die()
        write(journal, event, **details)
        if moment == ("step-started", step):
            _die() if seconds == 0 else _die_after(seconds)

    with patch.object(Journal, "write", writing):
        cli.main()


def _die_after(seconds: float) -> None:
    timer = Timer(seconds, _die)
    timer.daemon = True
    timer.start()


def _die() -> None:
    """As a power cut would: nothing is caught, nothing is cleared up."""
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
