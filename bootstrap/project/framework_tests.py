"""The framework's own tests became a feature; a project that has had them before keeps them.

Its recorded features cannot say so: they name what there was to choose, and these tests were not.
"""

from collections.abc import Iterable

from bootstrap.project.answers import SourcedValue
from bootstrap.project.answers_file import AnswersFile
from bootstrap.project.questions import Questionnaire

_QUESTION = "features"
FEATURE = "framework_tests"
FOLDER = "tests/core/"


def kept(
    recorded: AnswersFile, before: Questionnaire, after: Questionnaire, files: Iterable[str]
) -> dict[str, SourcedValue]:
    """The features with these tests, where only `after` offers them and the project has them."""
    if _is_offered(before) or not _is_offered(after):
        return {}
    if not any(path.startswith(FOLDER) for path in files):
        return {}
    chosen = recorded.answers.get(_QUESTION)
    features = [*(chosen if isinstance(chosen, list) else []), FEATURE]
    return {_QUESTION: SourcedValue(features, "the project has them")}


def _is_offered(questionnaire: Questionnaire) -> bool:
    asked = (each for each in questionnaire.questions if each.name == _QUESTION)
    return any(choice.value == FEATURE for each in asked for choice in each.choices)
