"""Settling what was left open: by asking at the terminal, or by taking the defaults."""

import shlex
from collections.abc import Callable

from bootstrap.errors import UsageError
from bootstrap.project.answers import Answer, Answers, ProvidedAnswers, SourcedValue
from bootstrap.project.questions import Value
from bootstrap.project.values import show

Resolve = Callable[[ProvidedAnswers], Answers]
Validate = Callable[[Value], bool | str]
Prompt = Callable[[Answer, Validate], Value]


def refuse_open(answers: Answers) -> Answers:
    """The answers, unless one is open and there is nobody to ask."""
    if not answers.open:
        return answers
    defaults = [(_name(a), show(a.value), a.question.help) for a in answers.open]
    flags = " ".join(f"--data {name}={shlex.quote(value)}" for name, value, _ in defaults)
    raise UsageError(
        "There are questions left, and no terminal to ask them at.",
        why=tuple(f"{name} (default: {value}): {text}" for name, value, text in defaults),
        next=("take the defaults: --defaults", f"or answer: {flags}"),
    )


def ask_open(resolve: Resolve, given: ProvidedAnswers, prompt: Prompt) -> Answers:
    """Ask one question after the other, each in the light of the answers before it."""
    answers = resolve(given)
    while answers.open and not answers.problems:
        answer = answers.open[0]
        value = prompt(answer, _validation(resolve, given, _name(answer)))
        given = {**given, _name(answer): SourcedValue(value, "asked")}
        answers = resolve(given)
    return answers


def _validation(resolve: Resolve, given: ProvidedAnswers, name: str) -> Validate:
    """True for a good answer, else the rule that it breaks (the form questionary wants)."""

    def validate(value: Value) -> bool | str:
        problems = resolve({**given, name: SourcedValue(value, "asked")}).problems
        return next((rule for broken, rule in problems if broken == name), True)

    return validate


def _name(answer: Answer) -> str:
    return answer.question.name
