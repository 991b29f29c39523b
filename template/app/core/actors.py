"""Since 0.8.0 this is `app.core.jobs`; only `copier update` brings this file."""

import warnings

from app.core.jobs import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    Attempt,
    CutOff,
    Function,
    Option,
    P,
    pause_after,
    run,
)
from app.core.jobs import (
    JOB_KINDS as ACTORS,
)
from app.core.jobs import (
    DuplicateJobKind as DuplicateActor,
)
from app.core.jobs import (
    JobKind as Actor,
)
from app.core.jobs import (
    job as actor,
)

__all__ = [
    "ACTORS",
    "FIRST_PAUSE",
    "LONGEST_PAUSE",
    "Actor",
    "Attempt",
    "CutOff",
    "DuplicateActor",
    "Function",
    "Option",
    "P",
    "actor",
    "pause_after",
    "run",
]

warnings.warn("app.core.actors is app.core.jobs now", DeprecationWarning, stacklevel=2)
