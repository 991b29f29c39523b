"""Asking one question at the terminal, with questionary."""

import questionary
from prompt_toolkit.output import Output, create_output

from bootstrap.project.answers import Answer
from bootstrap.project.ask import Validate
from bootstrap.project.questions import Value
from bootstrap.project.values import show

_MARK = "?"


def at_terminal(answer: Answer, validate: Validate) -> Value:
    """Ask until the answer keeps the question's rules. Ctrl-C and Ctrl-D are KeyboardInterrupt."""
    try:
        value: Value = _widget(answer, validate).unsafe_ask()
    except EOFError:
        raise KeyboardInterrupt from None
    return value


def _widget(answer: Answer, validate: Validate) -> questionary.Question:
    question = answer.question
    if question.choices:
        return _select_many(answer, validate) if question.multiselect else _select_one(answer)
    if question.type == "bool":
        return questionary.confirm(question.help, answer.value is True, _MARK, output=_terminal())
    if question.secret:
        return questionary.password(
            question.help, validate=validate, qmark=_MARK, output=_terminal()
        )
    return questionary.text(
        question.help,
        show(answer.value),
        validate,
        _MARK,
        placeholder=question.placeholder,
        output=_terminal(),
    )


def _select_one(answer: Answer) -> questionary.Question:
    choices = [questionary.Choice(c.label, c.value) for c in answer.question.choices]
    default = next((choice for choice in choices if choice.value == answer.value), None)
    return questionary.select(
        answer.question.help, choices, default, qmark=_MARK, output=_terminal()
    )


def _select_many(answer: Answer, validate: Validate) -> questionary.Question:
    ticked = answer.value if isinstance(answer.value, list) else []
    choices = [
        questionary.Choice(c.label, c.value, checked=c.value in ticked)
        for c in answer.question.choices
    ]
    return questionary.checkbox(
        answer.question.help,
        choices,
        validate=lambda chosen: validate(list(chosen)),
        qmark=_MARK,
        output=_terminal(),
    )


def _terminal() -> Output:
    """The terminal, even when the result (stdout) is piped away."""
    return create_output(always_prefer_tty=True)
