"""Which projects are rendered to test the template: every pair of answers is in one of them.

All of it is computed from `copier.yml`, so a new question, choice or feature has its rows with its
first commit. What has no choices needs samples here; without them there is no matrix, and no test.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import combinations, product
from typing import Final

import jinja2
from allpairspy import AllPairs

from bootstrap.project.questions import Question, load
from tests.conftest import ROOT

Answer = str | bool | None
Row = dict[str, Answer]
Pair = frozenset[tuple[str, Answer]]

# Texts that people answer: an ordinary one, and one at the edge of what the validator lets through.
SAMPLES: Final = {
    "project_name": ("shop", "big-shop-2"),
    "description": ("The shop backend.", "It sells 'all' & more: 100 % {of} <it>, café too."),
    "python_version": ("3.13.0", "3.11.7", "3.12.1", "3.14.0"),
    "pip_version": ("26.3", "23.1.2"),
    "venv_root": ("~/venvs", "/opt/venvs"),
}
FEATURE: Final = "features."
NOT_ASKED: Final = None


@cache
def asked() -> tuple[Question, ...]:
    """The questions that somebody can answer."""
    questions = load(ROOT / "copier.yml").questions
    return tuple(question for question in questions if question.when is not False)


@cache
def features() -> tuple[str, ...]:
    """Every feature that is offered, in the order of the questionnaire."""
    (question,) = (question for question in asked() if question.multiselect)
    return tuple(str(choice.value) for choice in question.choices)


@cache
def factors() -> dict[str, tuple[Answer, ...]]:
    """What can be answered to what: each feature is a question of its own, answered yes or no."""
    found: dict[str, tuple[Answer, ...]] = {}
    for question in asked():
        if question.multiselect:
            found |= {f"{FEATURE}{choice.value}": (True, False) for choice in question.choices}
        elif question.choices:
            found[question.name] = tuple(str(choice.value) for choice in question.choices)
        else:
            found[question.name] = SAMPLES[question.name]
        if condition(question.name):
            found[question.name] += (NOT_ASKED,)
    return found


@cache
def condition(name: str) -> jinja2.Template | None:
    """When a question is asked; None: always."""
    (when,) = {question.when for question in asked() if question.name == name} or {True}
    return None if when is True else jinja2.Template(str(when), undefined=jinja2.StrictUndefined)


def is_possible(answers: Row) -> bool:
    """Whether these can be answers of one project: a question that is not asked has none."""
    return all(_is_possible(name, answers) for name in answers)


def _is_possible(name: str, answers: Row) -> bool:
    when = condition(name)
    try:
        return when is None or (when.render(answers) == "True") == (answers[name] is not NOT_ASKED)
    except jinja2.UndefinedError:  # it depends on an answer that is not among these
        return True


def pairs_of(row: Row) -> set[Pair]:
    """Every pair of answers of a row."""
    told = [(name, answer) for name, answer in row.items() if answer is not NOT_ASKED]
    return {frozenset(pair) for pair in combinations(told, 2)}


@cache
def pairs() -> frozenset[Pair]:
    """Every pair of answers that can be given together."""
    found: set[Pair] = set()
    for one, other in combinations(factors().items(), 2):
        for first, second in product(one[1], other[1]):
            row = {one[0]: first, other[0]: second}
            found |= pairs_of(row) if is_possible(row) else set()
    return frozenset(found)


@cache
def rows() -> tuple[Row, ...]:
    """Few rows that have every pair; the questions with most answers first make them fewest."""
    longest_first = dict(sorted(factors().items(), key=lambda factor: -len(factor[1])))

    def named(answers: Sequence[Answer]) -> Row:
        return dict(zip(longest_first, answers, strict=False))

    made = AllPairs(list(longest_first.values()), filter_func=lambda row: is_possible(named(row)))
    return tuple({name: named(row)[name] for name in factors()} for row in made)


def chosen(row: Row) -> tuple[str, ...]:
    """The features of a row."""
    return tuple(name for name in features() if row[f"{FEATURE}{name}"])


def data(row: Row) -> tuple[str, ...]:
    """The row as `headstart new --data` takes it: the answers to questions that are asked."""
    plain = {name: answer for name, answer in row.items() if not name.startswith(FEATURE)}
    words = [f"{name}={answer}" for name, answer in plain.items() if answer is not NOT_ASKED]
    return (*words, f"features=[{', '.join(chosen(row))}]")
