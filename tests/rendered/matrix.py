"""Which projects are rendered to test the template: every pair of answers is in one of them.

All of it is computed from `copier.yml`, so a new question, choice or feature has its rows with its
first commit. What has no choices needs samples here; without them there is no matrix, and no test.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import combinations
from operator import itemgetter
from typing import Final

import jinja2.meta
import jinja2.nodes

from bootstrap.project.answers import Expressions, truth
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
# How often rows are looked for, and among how many each is chosen: half a second for fewer rows.
ATTEMPTS, CANDIDATES = 40, 3


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
        return bool(self._told(question.validator, known).strip())

    def _is_kept(self, question: Question, known: Mapping[str, Value], answers: Row) -> bool:
        when = question.when
        if isinstance(when, str) and not _variables(when) <= known.keys():
            return True
        holds = truth(self._told(when, known)) if isinstance(when, str) else when
        return holds == (answers[question.name] is not NOT_ASKED)

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
        told = self._told(default, known)
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

    def _told(self, text: str, known: Mapping[str, Value]) -> str:
        """What an expression comes to: once for the values that it looks at."""
        key = text, *(repr(known.get(name)) for name in sorted(_variables(text)))
        if key not in self._memory:
            self._memory[key] = self._expressions.render(text, known)
        return self._memory[key]

    @cached_property
    def _memory(self) -> dict[tuple[str, ...], str]:
        return {}

    @cached_property
    def _expressions(self) -> Expressions:
        return Expressions(self.questionnaire.jinja_options)

    @cached_property
    def _states(self) -> list[Row]:
        """Every combination of answers that decide; of equal ones, the first stands for all."""
        states: list[Row] = [{}]
        for name in filter(self._decides, self.factors):
            told = {self._as(name, answer): None for answer in self.factors[name]}
            more = ({**state, name: answer} for state in states for answer in told)
            states = [state for state in more if self.is_possible(state)]
        return states

    def _as(self, name: str, answer: Answer) -> Answer:
        """What no condition looks at is answered or not asked: all its answers are alike."""
        is_one_of_many = name.removeprefix(FEATURE) not in self._deciding
        return self.factors[name][0] if is_one_of_many and answer is not NOT_ASKED else answer

    @cached_property
    def _allowed(self) -> dict[tuple[str, Answer], int]:
        """In which of the states each answer is possible, as bits."""
        allowed: defaultdict[tuple[str, Answer], int] = defaultdict(int)
        for name, answers in self.factors.items():
            for number, state in enumerate(self._states):
                for answer in answers:
                    if name not in state or state[name] == self._as(name, answer):
                        allowed[name, answer] |= 1 << number
        return allowed

    @cached_property
    def pairs(self) -> frozenset[Pair]:
        """Every pair of answers that can be given together."""
        answers = [(told, bits) for told, bits in self._allowed.items() if told[1] is not NOT_ASKED]
        return frozenset(
            frozenset((one, other))
            for (one, of_one), (other, of_other) in combinations(answers, 2)
            if one[0] != other[0] and of_one & of_other
        )

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Few rows that have every pair: the fewest of some attempts, the same each time."""
        return min(
            (Greedy(self._allowed, self.pairs, seed).rows() for seed in range(ATTEMPTS)), key=len
        )


class Greedy:
    """Row after row, of some the one that has most of the pairs that are left."""

    def __init__(
        self, allowed: Mapping[tuple[str, Answer], int], pairs: Iterable[Pair], seed: int
    ) -> None:
        self._chance = random.Random(seed)
        self._answers = list(allowed)
        self._allowed = list(allowed.values())
        self._of: defaultdict[str, list[int]] = defaultdict(list)
        for number, (name, _) in enumerate(self._answers):
            self._of[name].append(number)
        # Of each answer, as bits: the others with which it is in no row yet.
        self._left = [0] * len(self._answers)
        numbers = {answer: number for number, answer in enumerate(self._answers)}
        for pair in pairs:
            one, other = (numbers[answer] for answer in pair)
            self._left[one] |= 1 << other
            self._left[other] |= 1 << one

    def rows(self) -> tuple[Row, ...]:
        found = []
        while any(self._left):
            _, chosen = max((self._row() for _ in range(CANDIDATES)), key=itemgetter(0))
            together = sum(1 << number for number in chosen)
            for number in chosen:
                self._left[number] &= ~together
            row = dict(self._answers[number] for number in chosen)
            found.append({name: row[name] for name in self._of})
        return tuple(found)

    def _row(self) -> tuple[int, list[int]]:
        """A row, and how many of the pairs that are left it has."""
        first = max(range(len(self._left)), key=self._worth)
        with_it = (each for each in range(len(self._left)) if self._left[first] >> each & 1)
        chosen = [first, max(with_it, key=self._worth)]
        begun = {self._answers[number][0] for number in chosen}
        names = [name for name in self._of if name not in begun]
        self._chance.shuffle(names)
        gain, together = 1, sum(1 << number for number in chosen)
        states = self._allowed[chosen[0]] & self._allowed[chosen[1]]
        for name in names:
            offered = [number for number in self._of[name] if self._allowed[number] & states]
            best = max(offered, key=lambda number: self._worth(number, together))
            gain += (self._left[best] & together).bit_count()
            states, together = states & self._allowed[best], together | 1 << best
            chosen.append(best)
        return gain, chosen

    def _worth(self, number: int, together: int = 0) -> tuple[int, int, float]:
        """How many pairs it brings to a row, then to others; what is equal is left to chance."""
        left = self._left[number]
        return (left & together).bit_count(), left.bit_count(), self._chance.random()


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
