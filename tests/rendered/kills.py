"""Processes of a render that are killed before each of their effects, one after the other."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.forkserver import Forked
from tests.rendered.processes import Backend
from tests.rendered.servers import free_port
from tests.waiting import wait_until

PROGRAM = Path(__file__).with_name("killed_program.py").read_text("utf-8")
# A process that was killed is missed soon.
SOON = {"JOB_LEASE": "PT2S", "JOB_POLL": "PT0.1S"}


def counted(name: str) -> str:
    """A program whose command is killed before one of its effects."""
    here = Path(__file__)
    parts = (here.with_name(each).read_text("utf-8") for each in ("counted_program.py", name))
    return "\n".join(parts)


@dataclass(frozen=True)
class Effects:
    """Whose effects are counted: an actor's commits, and calls as `module:Class.method`.

    `first` are lines that its process begins with.
    """

    actor: str
    calls: Sequence[str] = ()
    first: str = ""

    def names(self, backend: Backend, folder: Path, done: Callable[[], bool]) -> list[str]:
        """Let the api do its jobs to their end, and return the effects in their order.

        Its claims last long, so that a slow machine adds none.
        """
        names = folder / "effects"
        api = self._start(backend, names, before=0, JOB_LEASE="PT1M")
        wait_until(done, "the jobs to end")
        backend.kill(api)
        return names.read_text().split()

    def kill(self, backend: Backend, folder: Path, number: int) -> str:
        """Let the api be killed before effect `number`, the first is 1; return what that is.

        A process that stalls for longer than its claim repeats some: the order may be another.
        """
        names = folder / f"effects-{number}"
        api = self._start(backend, names, before=number)
        assert api.wait(timeout=60) == -signal.SIGKILL, "it has ended otherwise"
        return names.read_text().split()[-1]

    def _start(self, backend: Backend, names: Path, *, before: int, **own: str) -> Forked:
        told = {
            "KILL_ACTOR": self.actor,
            "KILL_BEFORE": str(before),
            "KILL_LIST": str(names),
            "KILL_CALLS": " ".join(self.calls),
            "KILL_FIRST": self.first,
        }
        port = str(free_port())
        return backend.run_program(PROGRAM, "api", PORT=port, **(SOON | told | own))
