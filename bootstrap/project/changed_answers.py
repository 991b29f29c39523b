"""Another answer to a question that was asked: which of the others have to be asked again then."""

from collections.abc import Callable, Iterable

from bootstrap.project.answers import Answer, Answers, ProvidedAnswers, SourcedValue
from bootstrap.project.questions import Value

Resolve = Callable[[ProvidedAnswers], Answers]

ASKED = "asked"  # the source of what a person has answered at the terminal


def change_answer(
    resolve: Resolve, provided: ProvidedAnswers, name: str, value: Value
) -> ProvidedAnswers:
    """Provided answers with that one instead; what depends on it and was asked is left out.

    That is an answer which does not fit any more, and one that only confirmed a default which is
    another now. What a person has written themselves is kept.
    """
    after = {**provided, name: SourcedValue(value, ASKED)}
    order = [answer.question.name for answer in resolve(provided).all]
    for later in order[order.index(name) + 1 :]:
        if later in provided and provided[later].source == ASKED:
            before = _default(resolve, provided, later)
            confirmed = before.value == _answer(resolve(provided), later).value
            if confirmed and before.value != _default(resolve, after, later).value:
                after = _without(after, [later])
    return _without_unfit(resolve, after)


def _without_unfit(resolve: Resolve, provided: ProvidedAnswers) -> ProvidedAnswers:
    """Leave out what was asked and is refused; without it, more may be."""
    broken = [problem.name for problem in resolve(provided).problems]
    unfit = [name for name in broken if name in provided and provided[name].source == ASKED]
    return _without_unfit(resolve, _without(provided, unfit)) if unfit else provided


def _default(resolve: Resolve, provided: ProvidedAnswers, name: str) -> Answer:
    return _answer(resolve(_without(provided, [name])), name)


def _answer(answers: Answers, name: str) -> Answer:
    return next(answer for answer in answers.all if answer.question.name == name)


def _without(provided: ProvidedAnswers, names: Iterable[str]) -> dict[str, SourcedValue]:
    return {name: given for name, given in provided.items() if name not in names}
