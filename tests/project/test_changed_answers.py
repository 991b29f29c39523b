"""Another answer to a question that was asked: what depends on it is open again, and no more."""

from __future__ import annotations

from functools import cache

import pytest

from bootstrap.project import questions, template
from bootstrap.project.answers import Answers, ProvidedAnswers, SourcedValue, resolve
from bootstrap.project.changed_answers import ASKED, change_answer


@cache
def asked() -> questions.Questionnaire:
    return questions.load(template.locate().config)


def of_shop(provided: ProvidedAnswers) -> Answers:
    return resolve(asked(), provided, folder_name="shop")


def answered(**values: questions.Value) -> dict[str, SourcedValue]:
    """Every open question of the custom preset, answered with these or with its default."""
    provided = {"preset": SourcedValue("custom", ASKED)}
    while opened := of_shop(provided).open:
        answer = opened[0]
        value = values.get(answer.question.name, answer.value)
        provided[answer.question.name] = SourcedValue(value, ASKED)
    assert of_shop(provided).problems == ()
    return provided


def reopened(provided: ProvidedAnswers, name: str, value: questions.Value) -> list[str]:
    after = of_shop(change_answer(of_shop, provided, name, value))
    assert after.problems == ()
    return [answer.question.name for answer in after.open]


@pytest.mark.parametrize(
    ("given_before", "name", "value", "expected"),
    [
        ({}, "style", "black-isort", []),
        ({}, "project_name", "cart", ["description"]),
        ({"description": "Sells things."}, "project_name", "cart", []),
        ({}, "venv_layout", "shared", ["venv_root"]),
        ({"venv_layout": "shared"}, "venv_layout", "in-project", []),
        ({}, "database", "mysql", ["safe_migrations"]),
        ({"features": ["container"]}, "features", ["operations"], []),
    ],
)
def test_only_what_depends_on_it_is_asked_again(
    given_before: dict[str, questions.Value], name: str, value: questions.Value, expected: list[str]
) -> None:
    assert reopened(answered(**given_before), name, value) == expected


def test_what_no_longer_applies_is_forgotten() -> None:
    before = answered(features=["ecr"], namespace="acme")
    after = change_answer(of_shop, before, "features", [])
    assert "namespace" in before
    assert "namespace" not in after
    assert of_shop(after).problems == ()


def test_what_was_stated_on_the_command_line_stays() -> None:
    before = {**answered(), "description": SourcedValue("The shop backend.", "--data")}
    after = change_answer(of_shop, before, "project_name", "cart")
    assert after["description"] == before["description"]
    assert after["project_name"] == SourcedValue("cart", ASKED)


@pytest.mark.parametrize(("one", "two"), [("sqlite", "mysql"), ("mysql", "postgresql")])
def test_back_and_forth_is_as_it_was(one: str, two: str) -> None:
    """Once what was opened again is confirmed."""
    before = answered(database=one)
    after = change_answer(of_shop, before, "database", two)
    while opened := of_shop(after).open:
        name = opened[0].question.name
        after = change_answer(of_shop, after, name, opened[0].value)
    assert of_shop(after).values == of_shop(answered(database=two)).values
