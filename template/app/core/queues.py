"""Since 0.8.0 this is `app.core.outbox`; only `copier update` brings this file."""

import warnings

from app.core.outbox import (
    QUEUES,
    Queue,
    queue_of,
)

__all__ = [
    "QUEUES",
    "Queue",
    "queue_of",
]

warnings.warn("app.core.queues is app.core.outbox now", DeprecationWarning, stacklevel=2)
