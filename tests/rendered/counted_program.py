"""What a program begins with that runs `python -m app …` and is killed before one of its effects.

Effects are the statements that change something, and the commits. Each is written into a list
before it happens, so that a run to the end tells which there are.
"""

import os
import runpy
import signal
import sys
from pathlib import Path

from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

NUMBER = int(os.environ.get("KILL_BEFORE", "0"))  # 0: never
LIST = os.environ.get("KILL_LIST", "")
passed = 0


def effect(name: str) -> None:
    """Count one; the process ends here where it is the one."""
    global passed  # noqa: PLW0603 - one count for the process
    passed += 1
    if LIST:
        with Path(LIST).open("a") as names:
            names.write(f"{name}\n")
    if passed == NUMBER:
        os.kill(os.getpid(), signal.SIGKILL)


def on_statement(*arguments: object) -> None:
    verb = str(arguments[2]).split(maxsplit=1)[0]
    if verb in ("INSERT", "UPDATE", "DELETE"):
        effect(verb.lower())


def run_counted() -> None:
    """Run the app's command of `sys.argv`, and count its effects."""
    event.listen(Engine, "before_cursor_execute", on_statement)
    event.listen(Session, "before_commit", lambda _: effect("commit"))
    event.listen(Session, "after_commit", lambda _: effect("committed"))
    sys.argv[0] = "app"
    runpy.run_module("app", run_name="__main__", alter_sys=True)
