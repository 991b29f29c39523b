"""Answer every question from the provided values and what follows from them.

`resolve` is pure: the same questions and given values always yield the same answers. Asking a
person is nothing but giving one more value and resolving again.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from jinja2 import StrictUndefined, Template, TemplateError, Undefined
from jinja2.sandbox import SandboxedEnvironment

from bootstrap.errors import UsageError
from bootstrap.language import Said
from bootstrap.project import questions
from bootstrap.project.questions import Question, Questionnaire, Value
from bootstrap.project.values import (
    NotAValue,
    format_value,
    nearest,
    parse_value,
    without_password,
)


class SourcedValue(NamedTuple):
    """A value, and where it comes from in words."""

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
        return format_value(self.value)


class AnswerProblem(NamedTuple):
    """A provided value that cannot be used, and the rule that it breaks."""

    name: str
    rule: str

    def __str__(self) -> str:
        return f"{self.name} {self.rule}"


@dataclass(frozen=True)
class Answers:
    """The answers to all questions, and the problems with the provided values."""

    all: tuple[Answer, ...]
    problems: tuple[AnswerProblem, ...] = ()

    @property
    def values(self) -> dict[str, Value]:
        """The value of every question, computed ones included."""
        return {answer.question.name: answer.value for answer in self.all}

    @property
    def shown(self) -> tuple[Answer, ...]:
        """The answers to show: those that apply and are not secret."""
        return tuple(a for a in self.all if a.applies and not a.question.secret)

    @property
    def open(self) -> tuple[Answer, ...]:
        """The answers to confirm, in the order to ask."""
        return tuple(answer for answer in self.all if answer.open)

    def usable(self) -> "Answers":
        """Return these answers if all keep their rules; else raise with all problems at once."""
        broken = tuple(
            AnswerProblem(
                answer.question.name, Said("{breaks}: give another value", breaks=answer.breaks)
            )
            for answer in self.all
            if answer.breaks
        )
        wrong = self.problems or broken
        if not wrong:
            return self
        raise UsageError(
            Said("These answers cannot be used.")
            if wrong[1:]
            else Said("An answer cannot be used."),
            why=tuple(map(str, wrong)),
            next=(Said("give answers as --data name=value; `headstart new --help` has examples"),),
        )


def resolve(
    questionnaire: Questionnaire,
    provided: ProvidedAnswers,
    *,
    folder_name: str,
    candidates: Candidates | None = None,
) -> Answers:
    """Answer every question.

    The answer is the first of these that there is: the given value, the first of the question's
    `candidates` that keeps its rules, the template's default. A given value that breaks a rule is
    reported and then passed over, so that all problems are found in one go.
    """
    expressions = _expressions(tuple(questionnaire.jinja_options.items()))
    problems = list(_unknown(questionnaire, provided))
    answers: list[Answer] = []
    for question in questionnaire.questions:
        known = {answer.question.name: answer.value for answer in answers}
        asking = _Asking(question, expressions, {**known, "_folder_name": folder_name})
        try:
            answer = asking.answer(provided.get(question.name))
        except NotAValue as broken:
            problems.append(AnswerProblem(question.name, str(broken)))
            answer = None
        answers.append(answer or asking.default((candidates or {}).get(question.name, ())))
    return Answers(tuple(answers), tuple(problems))


def _unknown(questionnaire: Questionnaire, provided: ProvidedAnswers) -> list[AnswerProblem]:
    """What is no question, with the nearest one, or with all that can be asked."""
    names = [each.name for each in questionnaire.questions if each.when is not False]
    problems = []
    for name in provided:
        if name not in questionnaire.names:
            near = nearest(name, names)
            hint = (
                Said("did you mean {near}?", near=near)
                if near
                else Said("there are {names}", names=", ".join(names))
            )
            problems.append(AnswerProblem(name, Said("is not a question: {hint}", hint=hint)))
    return problems


# -- the Jinja in `copier.yml`, evaluated as Copier evaluates it ----------------------------------

_UNDEFINED = {"jinja2.StrictUndefined": StrictUndefined, "jinja2.Undefined": Undefined}
# What Jinja and its filters raise for an expression that makes no sense.
FAILURES = (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_TRUE = frozenset({"y", "yes", "t", "true", "on"})
_FALSE = frozenset({"", "n", "no", "f", "false", "off", "~", "null", "none"})


class Expressions:
    """Evaluates expressions with one template's Jinja options; compiles each text once."""

    def __init__(self, options: Mapping[str, Value]) -> None:
        given = {
            **options,
            "undefined": _UNDEFINED[str(options.get("undefined", "jinja2.Undefined"))],
        }
        # The filters Copier always loads.
        extensions = ["jinja2_ansible_filters.AnsibleCoreFiltersExtension"]
        self._environment = SandboxedEnvironment(extensions=extensions, **given)
        self._usual = not any(name.endswith(("_string", "_prefix")) for name in options)
        self._compiled: dict[str, Template] = {}

    def render(self, text: str, context: Mapping[str, Value]) -> str:
        if self._usual and "{" not in text and not text.endswith("\n"):
            return text  # nothing in it is Jinja's
        try:
            if text not in self._compiled:
                self._compiled[text] = self._environment.from_string(text)
            return self._compiled[text].render(context)
        except FAILURES as error:
            raise questions.TemplateError(
                Said("{text} fails: {error}", text=repr(text.strip()), error=error)
            ) from error

    def holds(self, condition: bool | str, context: Mapping[str, Value]) -> bool:
        """Whether a condition (`when`, `ask`) is true."""
        return truth(self.render(condition, context) if isinstance(condition, str) else condition)


@cache
def _expressions(options: tuple[tuple[str, Value], ...]) -> Expressions:
    """What is compiled for one resolution serves the next: an update makes several."""
    return Expressions(dict(options))


def truth(value: Value) -> bool:
    """Read a value as true or false as Copier does: too lenient for provided values."""
    try:
        return bool(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        pass
    text = value.strip().lower() if isinstance(value, str) else ""
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    return bool(value)


# -- one question ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Asking:
    """One question, in the light of the answers before it."""

    question: Question
    expressions: Expressions
    before: Mapping[str, Value]

    def answer(self, given: SourcedValue | None) -> Answer | None:
        """The provided value as the answer; None if there is none."""
        if given is None:
            return None
        if not self._holds(self.question.when):
            raise NotAValue(
                Said(
                    "is not asked here: it follows from {decided_by}", decided_by=self._decided_by()
                )
            )
        value = parse_value(self.question, given.value)
        if broken := self._breaks(value):
            raise NotAValue(
                Said(
                    "{broken} (given: {without_password})",
                    broken=broken,
                    without_password=without_password(format_value(value)),
                )
            )
        return Answer(self.question, value, given.source)

    def default(self, candidates: Sequence[SourcedValue]) -> Answer:
        """The answer while nobody has given one."""
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
            value = parse_value(self.question, raw)
        except NotAValue as broken:
            return raw, str(broken)
        rule = self._breaks(value)
        return value, Said(
            "{rule} (default: {value})", rule=rule, value=format_value(value)
        ) if rule else ""

    def _decided_by(self) -> str:
        """What a question that does not apply follows from, as far as its condition names it."""
        named = set(re.findall(r"\w+", str(self.question.when))) & self.before.keys()
        return (
            Said("the answer to {names}", names=", ".join(sorted(named)))
            if named
            else Said("the other answers")
        )

    def _holds(self, condition: bool | str) -> bool:
        return self.expressions.holds(condition, self.before)

    def _breaks(self, value: Value) -> str:
        context = {**self.before, self.question.name: value}
        return " ".join(self.expressions.render(self.question.validator, context).split())
