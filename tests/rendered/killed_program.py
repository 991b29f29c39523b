"""`python -m app …` of a render, which is killed before the effect whose number it was told.

Effects are the commits of some actors' jobs, or of requests of a source of webhooks, and calls of
what speaks to others. Each is written into a list before it happens, so that a run to the end tells
which there are. It runs on the render's own Python, by `runpy`, and changes nothing but these
calls.
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

ACTORS = set(os.environ["KILL_ACTOR"].split())
NUMBER = int(os.environ["KILL_BEFORE"])  # 0: never
LIST = Path(os.environ["KILL_LIST"])
CALLS = os.environ["KILL_CALLS"].split()
passed = 0


def effect(name: str) -> None:
    """Count one; the process ends here where it is the one."""
    bound = import_module("structlog.contextvars").get_contextvars()
    if not ACTORS.isdisjoint({bound.get("actor"), bound.get("source")}):
        count(name)


def count(name: str) -> None:
    global passed  # noqa: PLW0603 - one count for the process
    passed += 1
    with LIST.open("a") as names:
        names.write(f"{name}\n")
    if passed == NUMBER:
        os.kill(os.getpid(), signal.SIGKILL)


def count_commits() -> None:
    event.listen(Session, "before_commit", lambda _: effect("commit"))


def count_claims() -> None:
    """Count the commit of a claim, which is of many actors, where it has jobs of ours."""
    outbox: Any = import_module("app.core.outbox")
    claim = outbox.claim

    async def claimed(session: Any, *arguments: Any) -> Any:
        jobs = await claim(session, *arguments)
        if not ACTORS.isdisjoint(job.actor for job in jobs):
            event.listen(session.sync_session, "before_commit", lambda _: count("commit"))
        return jobs

    outbox.claim = claimed


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


exec(os.environ.get("KILL_FIRST", ""))  # noqa: S102 - the test's own lines
count_commits()
count_claims()
for each in CALLS:
    count_calls(each)
sys.argv[0] = module = "app"
if sys.argv[1:] == ["worker"]:
    # What that command becomes, in this process and those that it forks.
    settings = import_module("app.settings").Settings()
    sys.argv[:] = import_module("app.commands.worker").command_line(settings)[2:]
    module = sys.argv[0]
runpy.run_module(module, run_name="__main__", alter_sys=True)
