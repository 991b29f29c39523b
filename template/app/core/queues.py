"""The queues: wherever jobs wait, those of a more urgent queue go first."""

from __future__ import annotations

from enum import IntEnum

# Which queue an actor's jobs wait in; actors tell it when they are registered.
QUEUES: dict[str, Queue] = {}


class Queue(IntEnum):
    """How urgent a job is; the smaller the number, the sooner."""

    HIGH = 0
    DEFAULT = 1
    LOW = 2

    @property
    def label(self) -> str:
        """The queue's name for people and for brokers."""
        return self.name.lower()

    @classmethod
    def of(cls, label: str) -> Queue:
        """Return the queue of that label."""
        return cls[label.upper()]


def queue_of(actor: str) -> Queue:
    """Return the queue of an actor's jobs; the default one for an actor that only others know."""
    return QUEUES.get(actor, Queue.DEFAULT)
