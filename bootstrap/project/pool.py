"""Work on many items at once, in worker processes.

Rendering changes the environment and the folder of its process, and keeps Python busy, so threads
would be in each other's way. A pool of the standard library breaks with the first worker that
dies; here only that worker's item is lost.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Generic, TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_GLANCE = 0.5  # seconds
_PATIENCE = 5.0  # seconds that a worker may take to clear up
_CONTEXT = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Crash:
    """A worker died during its work; `code` is its exit code, negative for a signal."""

    code: int


def cores() -> int:
    """The number of processors that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def each(
    work: Callable[[_Item], _Result],
    items: Sequence[_Item],
    *,
    jobs: int,
    key: Callable[[_Item], Hashable],
) -> Iterator[tuple[_Item, _Result | Crash]]:
    """Each item with its result, in the order in which they are done.

    At most `jobs` are worked on at once, and never two with the same `key`. All that is underway
    ends when the caller stops iterating.
    """
    pool = _Pool(work, jobs)
    waiting = list(items)
    try:
        while waiting or pool.busy:
            while pool.has_room:
                item = _next(waiting, tuple(pool.busy.values()), key)
                if item is None:
                    break
                waiting.remove(item)
                pool.give(item)
            yield from pool.results()
    finally:
        pool.end()


def _next(
    waiting: Sequence[_Item], busy: Sequence[_Item], key: Callable[[_Item], Hashable]
) -> _Item | None:
    taken = {key(item) for item in busy}
    return next((item for item in waiting if key(item) not in taken), None)


@dataclass(frozen=True, eq=False)
class _Worker(Generic[_Item, _Result]):
    """A process, and our end of the connection to it."""

    process: SpawnProcess
    connection: "Connection[_Item, _Result]"


@dataclass
class _Pool(Generic[_Item, _Result]):
    work: Callable[[_Item], _Result]
    jobs: int
    busy: dict[_Worker[_Item, _Result], _Item] = field(default_factory=dict)
    idle: list[_Worker[_Item, _Result]] = field(default_factory=list)

    @property
    def has_room(self) -> bool:
        return len(self.busy) < self.jobs

    def give(self, item: _Item) -> None:
        worker = self.idle.pop() if self.idle else _spawn(self.work)
        self.busy[worker] = item
        with suppress(BrokenPipeError, ConnectionResetError):  # it died; `results` will see that
            worker.connection.send(item)

    def results(self) -> Iterator[tuple[_Item, _Result | Crash]]:
        """The results so far. Waits only briefly: a signal may have come to another thread."""
        ready = set(wait([worker.connection for worker in self.busy], _GLANCE))
        for worker in [each for each in self.busy if each.connection in ready]:
            item = self.busy.pop(worker)
            try:
                result = worker.connection.recv()
            except (EOFError, ConnectionResetError):
                worker.process.join()
                yield item, Crash(worker.process.exitcode or 0)
            else:
                self.idle.append(worker)
                yield item, result

    def end(self) -> None:
        """End all workers; those that are busy clean up first."""
        workers = [*self.busy, *self.idle]
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.process.join(_PATIENCE)
            worker.process.kill()
            worker.process.join()
            worker.connection.close()


def _spawn(work: Callable[[_Item], _Result]) -> _Worker[_Item, _Result]:
    resource_tracker.ensure_running()  # beforehand, for it lets SIGINT through again
    ours, theirs = _CONTEXT.Pipe()
    process = _CONTEXT.Process(target=_serve, args=(work, theirs), daemon=True)
    # Ctrl-C reaches every process of a terminal. Only this one answers to it, for all; a worker is
    # deaf to it from its first moment.
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
    theirs.close()
    return _Worker(process, ours)


def _serve(work: Callable[[_Item], _Result], connection: "Connection[_Result, _Item]") -> None:
    """Work until the pool closes the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    while True:
        try:
            item = connection.recv()
        except EOFError:
            return
        connection.send(work(item))


def _leave(number: int, _frame: object) -> None:
    signal.signal(number, signal.SIG_IGN)  # what is being cleared up is cleared up to its end
    raise SystemExit(128 + number)
