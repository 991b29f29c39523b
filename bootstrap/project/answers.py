"""Every question answered, from what was given and what follows from it.

`resolve` is pure: the same questions and given values always yield the same answers. Asking a
person is nothing but giving one more value and resolving again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

from bootstrap.errors import UsageError
from bootstrap.project.expressions import Context, Expressions, truth
from bootstrap.project.questions import Question, Questionnaire, Value
from bootstrap.project.values import NotAValue, read, show


class SourcedValue(NamedTuple):
    """A value as it was given or found, and where it comes from, in words."""

    value: Value
    source: str


ProvidedAnswers = Mapping[str, SourcedValue]
Candidates = Mapping[str, Sequence[SourcedValue]]


@dataclass(frozen=True)
class Answer:
    """The value of one question, and where it comes from.

    An `open` answer is a default that nobody has confirmed yet. `breaks` is the rule that a default
    breaks: only another value can help.
    """

    question: Question
    value: Value
    source: str
    applies: bool = True
    open: bool = False
    breaks: str = ""

    @property
    def shown_value(self) -> str:
        """The value as a person would write it."""
        return show(self.value)


class Problem(NamedTuple):
    """A given value that cannot be used, and the rule that it breaks."""

    name: str
    rule: str

    def __str__(self) -> str:
        return f"{self.name} {self.rule}"


@dataclass(frozen=True)
class Answers:
    """The answers to all questions, and what is wrong with the given values."""

    all: tuple[Answer, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def values(self) -> dict[str, Value]:
        """The value of every question, the computed ones included."""
        return {answer.question.name: answer.value for answer in self.all}

    @property
    def shown(self) -> tuple[Answer, ...]:
        """The answers a person may see: those that apply and are no secret."""
        return tuple(a for a in self.all if a.applies and not a.question.secret)

    @property
    def open(self) -> tuple[Answer, ...]:
        """The answers still to be confirmed, in the order to ask."""
        return tuple(answer for answer in self.all if answer.open)

    def usable(self) -> "Answers":
        """These answers, if all of them keep the rules; else everything that is wrong at once."""
        broken = tuple(
            Problem(answer.question.name, f"{answer.breaks}: give another value")
            for answer in self.all
            if answer.breaks
        )
        wrong = self.problems or broken
        if not wrong:
            return self
        raise UsageError(
            "These answers cannot be used." if wrong[1:] else "An answer cannot be used.",
            why=tuple(map(str, wrong)),
            next=("give answers as --data name=value; `headstart new --help` has examples",),
        )


def resolve(
    questionnaire: Questionnaire,
    given: ProvidedAnswers,
    *,
    folder_name: str,
    candidates: Candidates | None = None,
) -> Answers:
    """Answer every question.

    The answer is the first of these that there is: the given value, the first of the question's
    `candidates` that keeps its rules, the template's default. A given value that breaks a rule is
    reported and then passed over, so that all problems are found in one go.
    """
    expressions = Expressions(questionnaire.jinja_options)
    problems = list(_unknown(questionnaire.names, given))
    answers: list[Answer] = []
    for question in questionnaire.questions:
        known = {answer.question.name: answer.value for answer in answers}
        asking = _Asking(question, expressions, {**known, "_folder_name": folder_name})
        try:
            answer = asking.answer(given.get(question.name))
        except NotAValue as broken:
            problems.append(Problem(question.name, str(broken)))
            answer = None
        answers.append(answer or asking.default((candidates or {}).get(question.name, ())))
    return Answers(tuple(answers), tuple(problems))


def _unknown(names: Sequence[str], given: ProvidedAnswers) -> list[Problem]:
    problems = []
    for name in given:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
            problems.append(Problem(name, f"is not a question: {hint}"))
    return problems


@dataclass(frozen=True)
class _Asking:
    """One question in the light of the answers before it."""

    question: Question
    expressions: Expressions
    before: Context

    def answer(self, given: SourcedValue | None) -> Answer | None:
        """The given value as the answer, None where nothing was given."""
        if given is None:
            return None
        if not self._holds(self.question.when):
            raise NotAValue("is not asked here: it follows from the other answers")
        value = read(self.question, given.value)
        if broken := self._breaks(value):
            raise NotAValue(f"{broken} (given: {show(value)})")
        return Answer(self.question, value, given.source)

    def default(self, candidates: Sequence[SourcedValue]) -> Answer:
        """What the question is answered with while nobody answers it."""
        applies = self._holds(self.question.when)
        is_open = applies and self._holds(self.question.ask)
        for value, source in candidates if applies else ():
            if not self._breaks(value):
                return Answer(self.question, value, source, open=is_open)
        value, breaks = self._template_default()
        if not applies:
            return Answer(self.question, value, "computed", applies=False)
        return Answer(self.question, value, "default", open=is_open, breaks=breaks)

    def _template_default(self) -> tuple[Value, str]:
        """The template's default, and the rule that it breaks with these answers, if any."""
        stated = self.question.default
        raw = self.expressions.render(stated, self.before) if isinstance(stated, str) else stated
        if self.question.type == "bool":
            return truth(raw), ""
        try:
            value = read(self.question, raw)
        except NotAValue as broken:
            return raw, str(broken)
        rule = self._breaks(value)
        return value, f"{rule} (default: {show(value)})" if rule else ""

    def _holds(self, condition: bool | str) -> bool:
        return self.expressions.holds(condition, self.before)

    def _breaks(self, value: Value) -> str:
        context = {**self.before, self.question.name: value}
        return " ".join(self.expressions.render(self.question.validator, context).split())
