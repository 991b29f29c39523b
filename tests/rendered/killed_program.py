"""`python -m app …` of a render, which is killed before the effect whose number it was told.

Effects are the commits of one actor's jobs, and calls of what speaks to others. Each is written
into a list before it happens, so that a run to the end tells which there are. It runs on the
render's own Python, by `runpy`, and changes nothing but these calls.
"""

from __future__ import annotations

import functools
import os
import runpy
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

ACTOR = os.environ["KILL_ACTOR"]
NUMBER = int(os.environ["KILL_BEFORE"])  # 0: never
LIST = Path(os.environ["KILL_LIST"])
CALLS = os.environ["KILL_CALLS"].split()
passed = 0


def effect(name: str) -> None:
    """Count one; the process ends here where it is the one."""
    global passed  # noqa: PLW0603 - one count for the process
    if import_module("structlog.contextvars").get_contextvars().get("actor") != ACTOR:
        return
    passed += 1
    with LIST.open("a") as names:
        names.write(f"{name}\n")
    if passed == NUMBER:
        os.kill(os.getpid(), signal.SIGKILL)


def count_commits() -> None:
    event.listen(Session, "before_commit", lambda _: effect("commit"))


def count_calls(path: str) -> None:
    """Count the calls of an asynchronous method, named as `module:Class.method`."""
    module, _, name = path.partition(":")
    owner_name, _, method = name.rpartition(".")
    owner = getattr(import_module(module), owner_name)
    called = getattr(owner, method)

    @functools.wraps(called)
    async def counted(*arguments: Any, **named: Any) -> Any:
        effect(method)
        return await called(*arguments, **named)

    setattr(owner, method, counted)


count_commits()
for each in CALLS:
    count_calls(each)
sys.argv[0] = "app"
runpy.run_module("app", run_name="__main__", alter_sys=True)
