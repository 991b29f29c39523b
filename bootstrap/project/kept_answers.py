"""Answers that a project keeps though none is recorded: what every render had, and is a choice now.

Until 0.7.0 every render had the migration kit and the framework's own tests. Whether they are there
is read from the files; both renders are made with them. Until 0.8.0 all were for pip and in ruff's
style, and how a change became a version was each project's own business.
"""

from collections.abc import Collection

from bootstrap.project.answers import ProvidedAnswers, SourcedValue
from bootstrap.project.questions import Questionnaire

FEATURES = "features"
SAFE_MIGRATIONS = "safe_migrations"
# What every render had until there was a question about it.
_FORMERLY = {"packaging": "pip", "style": "ruff", "workflow": "none"}
_FRAMEWORK_TESTS = "framework_tests"
_CORE_TESTS = "tests/core/"
# It began as one module, in 0.1.0.
_KIT = frozenset({"migrate/runtime.py", "migrate/kit/runner.py"})
_SOURCE = "the files"


def with_kept(
    provided: ProvidedAnswers,
    before: Questionnaire,
    asked: Questionnaire,
    former: Collection[str],
    here: Collection[str],
) -> ProvidedAnswers:
    """The provided answers, with those of what the project has and nobody could choose `before`.

    `former` are the files of the render that the project came from, and `here` its own now: tests
    that somebody has deleted are not kept.
    """
    new = _FORMERLY.keys() & {*asked.names} - {*before.names} - provided.keys()
    kept = {name: SourcedValue(_FORMERLY[name], _SOURCE) for name in sorted(new)}
    if SAFE_MIGRATIONS in asked.names and SAFE_MIGRATIONS not in provided:
        kept[SAFE_MIGRATIONS] = SourcedValue(not _KIT.isdisjoint(former), _SOURCE)
    features = provided.get(FEATURES)
    recorded = features is None or features.source == "recorded"
    came = _offers_framework_tests(asked) and not _offers_framework_tests(before)
    if came and recorded and any(path.startswith(_CORE_TESTS) for path in here):
        chosen = features.value if features and isinstance(features.value, list) else []
        kept[FEATURES] = SourcedValue([*chosen, _FRAMEWORK_TESTS], _SOURCE)
    return {**provided, **kept}


def _offers_framework_tests(questionnaire: Questionnaire) -> bool:
    asked = (each for each in questionnaire.questions if each.name == FEATURES)
    return any(choice.value == _FRAMEWORK_TESTS for each in asked for choice in each.choices)
