"""Since 0.8.0 this is `app.core.jobs`; only `copier update` brings this file, until 0.9.0."""

import warnings

from app.core.jobs import (
    Attempt as Attempt,
    CutOff as CutOff,
    DuplicateJobKind as DuplicateActor,
    FIRST_PAUSE as FIRST_PAUSE,
    Function as Function,
    JOB_KINDS as ACTORS,
    JobKind as Actor,
    LONGEST_PAUSE as LONGEST_PAUSE,
    Option as Option,
    P as P,
    job as actor,
    pause_after as pause_after,
    run as run,
)

warnings.warn("app.core.actors is app.core.jobs now", DeprecationWarning, stacklevel=2)
