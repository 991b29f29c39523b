"""The answer to `safe_migrations` of a project whose template had the migration kit unasked. Pure.

Until 0.7.0 every render had it, and no recorded answer says so. Whether it is there is read from
the files of the render that the project came from, and then both renders are made with it.
"""

from collections.abc import Collection

from bootstrap.project.answers import ProvidedAnswers, SourcedValue
from bootstrap.project.questions import Questionnaire

QUESTION = "safe_migrations"
# It began as one module, in 0.1.0.
_KIT = frozenset({"migrate/runtime.py", "migrate/kit/runtime.py"})


def with_kit_answer(
    provided: ProvidedAnswers, asked: Questionnaire, former: Collection[str]
) -> ProvidedAnswers:
    """The provided answers, with this one too where it is asked and nobody has given it.

    `former` are the files of the render that the project came from.
    """
    if QUESTION not in asked.names or QUESTION in provided:
        return provided
    return {**provided, QUESTION: SourcedValue(not _KIT.isdisjoint(former), "the files")}
