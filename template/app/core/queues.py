"""Since 0.8.0 this is `app.core.outbox`; only `copier update` brings this file, until 0.9.0."""

import warnings

from app.core.outbox import (
    QUEUES as QUEUES,
    Queue as Queue,
    queue_of as queue_of,
)

warnings.warn("app.core.queues is app.core.outbox now", DeprecationWarning, stacklevel=2)
