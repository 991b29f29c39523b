"""Which projects are rendered to test the template: every pair of answers is in one of them.

All of it is computed from `copier.yml`, so a new question, choice or feature has its rows with its
first commit. What has no choices needs samples here; without them there is no matrix, and no test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import combinations, product
from typing import Final

import jinja2.meta
import jinja2.nodes
from allpairspy import AllPairs

from bootstrap.project.answers import Expressions
from bootstrap.project.questions import Question, Questionnaire, Value, load
from tests.conftest import ROOT

Answer = str | bool | float | None
Row = dict[str, Answer]
Pair = frozenset[tuple[str, Answer]]

# Texts that people answer: an ordinary one, and one at the edge of what the validator lets through.
SAMPLES: Final = {
    "project_name": ("shop", "big-shop-2"),
    "description": ("The shop backend.", "It sells 'all' & more: 100 % {of} <it>, café too."),
    "python_version": ("3.13.0", "3.11.7", "3.12.1", "3.14.0"),
    "pip_version": ("26.3", "23.1.2"),
    "venv_root": ("~/venvs", "/opt/venvs"),
    "port_base": (8000, 60000),
    "package_index": ("", "https://packages.example.com/simple"),
    "shared_packages": ("[acme-logging, 'acme-auth[jwt]>=2,<3']",),
    "namespace": ("team-2",),
    "aws_account": ("000000000001",),
    "region": ("us-gov-west-1",),
    "domain": ("example.com",),
    "gitops_repository": ("git@example.com:team/gitops.git",),
}
FEATURE: Final = "features."
NOT_ASKED: Final = None


@dataclass(frozen=True)
class Matrix:
    """The rows of a questionnaire, whose texts are answered with samples."""

    questionnaire: Questionnaire
    samples: Mapping[str, Sequence[Answer]] = field(default_factory=dict)

    @cached_property
    def factors(self) -> dict[str, tuple[Answer, ...]]:
        """What can be answered to what: each feature is a question of its own, yes or no."""
        found: dict[str, tuple[Answer, ...]] = {}
        for question in self.questionnaire.questions:
            if question.when is False:
                continue
            if question.multiselect:
                found |= dict.fromkeys(_features(question), (True, False))
            else:
                not_asked = () if question.when is True else (NOT_ASKED,)
                found[question.name] = (*self._offered(question), *not_asked)
        return found

    def _offered(self, question: Question) -> Sequence[Answer]:
        if question.choices:
            return tuple(_typed(question, choice.value) for choice in question.choices)
        if question.name in self.samples:
            return self.samples[question.name]
        here = f"copier.yml asks {question.name}: give it samples in tests/rendered/matrix.py"
        assert question.type == "bool", here
        return (True, False)

    def is_possible(self, answers: Row) -> bool:
        """Whether no condition is broken: a question that is not asked has no answer.

        A condition on an answer that is not among these is not broken.
        """
        known = self._known(answers)
        questions = self.questionnaire.questions
        asked = (each for each in questions if each.name in answers)
        return all(self._is_kept(question, known, answers) for question in asked) and not any(
            self._is_refused(question, known) for question in questions if question.multiselect
        )

    def _is_refused(self, question: Question, known: Mapping[str, Value]) -> bool:
        """Whether the features that are chosen do not go with what is known."""
        if question.name not in known or not _variables(question.validator) <= known.keys():
            return False
        return bool(self._expressions.render(question.validator, known).strip())

    def _is_kept(self, question: Question, known: Mapping[str, Value], answers: Row) -> bool:
        when = question.when
        if isinstance(when, str) and not _variables(when) <= known.keys():
            return True
        return self._expressions.holds(when, known) == (answers[question.name] is not NOT_ASKED)

    def _known(self, answers: Row) -> dict[str, Value]:
        """What conditions see: the features they look for, and defaults of what is not asked."""
        known: dict[str, Value] = {}
        for question in self.questionnaire.questions:
            name, told = question.name, answers.get(question.name)
            if question.when is False or (name in answers and told is NOT_ASKED):
                known |= self._default(question, known)
            elif name in answers:
                known[name] = told
            elif question.multiselect:
                offered = _features(question)
                if all(key in answers for key in offered if self._decides(key)):
                    known[name] = [value for key, value in offered.items() if answers.get(key)]
        return known

    def _default(self, question: Question, known: Mapping[str, Value]) -> dict[str, Value]:
        """The default by name; nothing where it decides nothing or follows from the unknown."""
        default = question.default
        if question.name not in self._deciding:
            return {}
        if not isinstance(default, str):
            return {question.name: default}
        if question.type not in {"str", "bool"} or not _variables(default) <= known.keys():
            return {}
        told = self._expressions.render(default, known)
        return {question.name: told == "True" if question.type == "bool" else told}

    @cached_property
    def _deciding(self) -> frozenset[str]:
        """The names and words that conditions look at, at once or by what is not asked."""
        questions = {each.name: each for each in self.questionnaire.questions}
        texts = [each.when for each in questions.values() if isinstance(each.when, str)]
        texts += [each.validator for each in questions.values() if each.multiselect]
        found: set[str] = set()
        while texts:
            new = _variables(text := texts.pop()) - found
            found |= new | _words(text)
            named = (questions[name] for name in new & questions.keys())
            texts += [str(each.default) for each in named if each.when is not True]
        return frozenset(found)

    def _decides(self, name: str) -> bool:
        """Whether an answer can make others possible or impossible: to most questions none can."""
        if name.startswith(FEATURE):
            return name.removeprefix(FEATURE) in self._deciding
        return name in self._deciding or NOT_ASKED in self.factors[name]

    @cached_property
    def _expressions(self) -> Expressions:
        return Expressions(self.questionnaire.jinja_options)

    def completed(self, answers: Row) -> Row | None:
        """A whole row with these answers; None: they cannot be given together."""
        if not self.is_possible(answers):
            return None
        name = next((name for name in self.factors if name not in answers), None)
        if name is None:
            return answers
        offered = self.factors[name] if self._decides(name) else self.factors[name][:1]
        tries = (self.completed({**answers, name: answer}) for answer in offered)
        return next((row for row in tries if row is not None), None)

    @cached_property
    def pairs(self) -> frozenset[Pair]:
        """Every pair of answers that can be given together."""
        found: set[Pair] = set()
        for one, other in combinations(self.factors.items(), 2):
            are_free = not self._decides(one[0]) and not self._decides(other[0])
            for first, second in product(one[1], other[1]):
                row = {one[0]: first, other[0]: second}
                told = pairs_of(row) - found
                found |= told if told and (are_free or self.completed(row) is not None) else set()
        return frozenset(found)

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Few rows that have every pair."""
        found = [{name: row[name] for name in self.factors} for row in self._few()]
        covered = {pair for row in found for pair in pairs_of(row)}
        left = sorted(self.pairs - covered, key=lambda pair: sorted(map(repr, pair)))
        while left:  # what the few could not reach, past the conditions
            row = self.completed(self._together(left))
            assert row is not None
            found.append({name: row[name] for name in self.factors})
            told = pairs_of(row)
            left = [pair for pair in left if pair not in told]
        return tuple(found)

    def _together(self, pairs: Sequence[Pair]) -> Row:
        """The first pair, and as many of the others as can be given with it."""
        answers: Row = {}
        for pair in pairs:
            more = answers | dict(pair)
            if more.items() >= answers.items() and self.completed(more) is not None:
                answers = more
        return answers

    def _few(self) -> Iterator[Row]:
        """The questions with most answers first make them fewest, behind those that decide."""
        longest_first = dict(
            sorted(
                self.factors.items(),
                key=lambda factor: (
                    NOT_ASKED in factor[1] or not self._decides(factor[0]),
                    -len(factor[1]),
                ),
            )
        )

        def named(answers: Sequence[Answer]) -> Row:
            return dict(zip(longest_first, answers, strict=False))

        values = list(longest_first.values())
        made = AllPairs(values, filter_func=lambda row: self.is_possible(named(row)))
        return (named(row) for row in made)


@cache
def _variables(text: str) -> frozenset[str]:
    """The names that an expression needs a value for."""
    environment = jinja2.Environment(autoescape=True)
    return frozenset(jinja2.meta.find_undeclared_variables(environment.parse(text)))


@cache
def _words(text: str) -> frozenset[str]:
    """The texts that an expression compares with."""
    constants = jinja2.Environment(autoescape=True).parse(text).find_all(jinja2.nodes.Const)
    return frozenset(each.value for each in constants if isinstance(each.value, str))


def _features(question: Question) -> dict[str, Value]:
    """The choices of a question that takes several, by the names they have as questions."""
    return {f"{FEATURE}{choice.value}": choice.value for choice in question.choices}


def _typed(question: Question, value: Value) -> Answer:
    if question.type in ("bool", "int", "float") and isinstance(value, bool | int | float):
        return value
    return str(value)


def pairs_of(row: Row) -> set[Pair]:
    """Every pair of answers of a row."""
    told = [(name, answer) for name, answer in row.items() if answer is not NOT_ASKED]
    return {frozenset(pair) for pair in combinations(told, 2)}


@cache
def ours() -> Matrix:
    """The matrix of `copier.yml`."""
    return Matrix(load(ROOT / "copier.yml"), SAMPLES)


def features() -> tuple[str, ...]:
    """Every feature that is offered, in the order of the questionnaire."""
    (question,) = (each for each in ours().questionnaire.questions if each.multiselect)
    return tuple(str(choice.value) for choice in question.choices)


def chosen(row: Row) -> tuple[str, ...]:
    """The features of a row."""
    return tuple(name for name in features() if row[f"{FEATURE}{name}"])


def slices() -> tuple[str, ...]:
    """Everything that a project may have or not: features, and what has a question of its own."""
    asked = (each for each in ours().questionnaire.questions if each.when is not False)
    return (*features(), *(each.name for each in asked if each.type == "bool"))


def chosen_slices(row: Row) -> tuple[str, ...]:
    """Those that a row has."""
    return tuple(name for name in slices() if row.get(f"{FEATURE}{name}") or row.get(name))


def only(*wanted: str) -> tuple[str, ...]:
    """The answers of a project that has these slices and no other."""
    listed = ", ".join(name for name in features() if name in wanted)
    switches = [name for name in slices() if name not in features()]
    answers = (f"features=[{listed}]", *(f"{name}={name in wanted}".lower() for name in switches))
    return (*answers, *server_of(*wanted))


def features_on(database: str) -> tuple[str, ...]:
    """Every feature that goes with a database."""
    return tuple(name for name in features() if database != "sqlite" or not server_of(name))


def server_of(*wanted: str) -> tuple[str, ...]:
    """The answer to `database` that these slices need, if they need one."""
    return ("database=postgresql",) if "gitops" in wanted else ()


def data(row: Row) -> tuple[str, ...]:
    """The row as `headstart new --data` takes it: the answers to questions that are asked."""
    plain = {name: answer for name, answer in row.items() if not name.startswith(FEATURE)}
    words = [f"{name}={answer}" for name, answer in plain.items() if answer is not NOT_ASKED]
    return (*words, f"features=[{', '.join(chosen(row))}]")
