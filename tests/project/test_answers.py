"""Answers follow from the questions and what is given, and all problems are named at once."""

from collections.abc import Mapping

import copier
import pytest
import yaml
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from bootstrap.errors import UsageError
from bootstrap.project.answers import Answers, Candidates, SourcedValue, resolve
from bootstrap.project.questions import Questionnaire, TemplateError, Value, load, parse
from tests.project.conftest import REPOSITORY

QUESTIONS = """
_envops: {undefined: jinja2.StrictUndefined, trim_blocks: true, lstrip_blocks: true}
preset:
  type: str
  help: Start?
  choices: {"small: few": small, "custom: all": custom}
  default: small
name:
  type: str
  help: Name?
  default: "{{ _folder_name | lower }}"
  validator: "{% if not (name | regex_search('^[a-z]+$')) %}must be lower-case letters{% endif %}"
worker:
  type: bool
  help: Worker?
  default: "{{ preset == 'custom' }}"
  ask: "{{ preset == 'custom' }}"
port: {type: int, help: "Port?", default: 8000, when: "{{ worker }}"}
parts:
  type: str
  help: Parts?
  ask: "{{ preset == 'custom' }}"
  multiselect: true
  choices: {"mail: letters": mail, "cache: memory": cache}
  default: "{{ ['cache'] if worker else [] }}"
label: {type: str, when: false, default: "{{ name }}-{{ preset }}"}
"""


def answer(
    given: Mapping[str, Value] | None = None,
    *,
    folder: str = "shop",
    candidates: Candidates | None = None,
) -> Answers:
    stated = {name: SourcedValue(value, "--data") for name, value in (given or {}).items()}
    return resolve(questionnaire(), stated, folder_name=folder, candidates=candidates)


def questionnaire() -> Questionnaire:
    return parse(yaml.safe_load(QUESTIONS))


def test_defaults_follow_from_the_folder_and_the_answers_before() -> None:
    assert answer().values == {
        "preset": "small", "name": "shop", "worker": False, "port": 8000, "parts": [],
        "label": "shop-small",
    }  # fmt: skip


def test_what_is_open_can_be_asked_and_nothing_else() -> None:
    assert [a.question.name for a in answer().open] == ["preset", "name"]
    assert [a.question.name for a in answer({"preset": "custom"}).open] == [
        "name",
        "worker",
        "port",
        "parts",
    ]


def test_a_given_value_is_not_open_any_more() -> None:
    assert [a.question.name for a in answer({"name": "cart"}).open] == ["preset"]


def test_a_computed_answer_is_not_shown() -> None:
    assert [a.question.name for a in answer().shown] == ["preset", "name", "worker", "parts"]


def test_several_choices_are_given_defaulted_and_refused_like_one() -> None:
    assert answer({"worker": "yes"}).values["parts"] == ["cache"]
    assert answer({"parts": "cache,mail"}).values["parts"] == ["mail", "cache"]
    (problem,) = answer({"parts": "mail,fax"}).problems
    assert str(problem) == "parts must be one of mail, cache, not fax"


def test_every_problem_is_named_with_the_rule_it_breaks() -> None:
    problems = answer(
        {"wroker": "true", "preset": "big", "name": "Shop 1", "worker": "disabled"}
    ).problems
    assert list(map(str, problems)) == [
        "wroker is not a question: did you mean worker?",
        "preset must be one of small, custom, not big",
        "name must be lower-case letters (given: Shop 1)",
        "worker must be true or false (also yes, no, on, off), not disabled",
    ]


def test_a_name_like_no_question_lists_the_questions() -> None:
    assert "there are preset, name, worker" in str(answer({"zzz": "1"}).problems[0])


def test_what_follows_from_other_answers_cannot_be_given() -> None:
    for name, decides in (("label", "the other answers"), ("port", "the answer to worker")):
        (problem,) = answer({name: "1"}).problems
        assert str(problem) == f"{name} is not asked here: it follows from {decides}"


def test_the_first_candidate_that_keeps_the_rules_is_the_default() -> None:
    found = (
        SourcedValue("NOT", "here"),
        SourcedValue("good", "there"),
        SourcedValue("late", "there"),
    )
    name = answer(candidates={"name": found}).all[1]
    assert (name.value, name.source, name.open) == ("good", "there", True)
    assert answer({"name": "mine"}, candidates={"name": found}).values["name"] == "mine"


def test_a_default_that_breaks_its_rule_must_be_replaced() -> None:
    weird = answer(folder="42")
    assert not weird.problems
    with pytest.raises(UsageError) as refusal:
        weird.usable()
    assert refusal.value.why == (
        "name must be lower-case letters (default: 42): give another value",
    )
    assert answer({"name": "shop"}, folder="42").usable().values["name"] == "shop"


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("q: {type: str, help: h}", "the question q has no default"),
        ("q: {type: text, help: h, default: a}", "unknown type: text"),
        ("q: {type: str, help: h, default: a, multiline: true}", "multiline, unknown to Headstart"),
        ("q: just text", "not written out"),
        ("q: {type: str, help: h, default: a, choices: 3}", "neither a list nor a mapping"),
        ("q: {type: str, help: h, default: [], multiselect: true}", "offers none"),
        ("- q", "not a mapping"),
    ],
)
def test_a_template_that_we_would_answer_differently_than_copier_is_refused(
    broken: str, reason: str
) -> None:
    with pytest.raises(TemplateError) as refusal:
        parse(yaml.safe_load(broken))
    assert reason in refusal.value.why[0]


def test_an_expression_that_fails_is_the_templates_fault() -> None:
    broken = parse({"q": {"type": "str", "help": "h", "default": "{{ 1 / 0 }}"}})
    with pytest.raises(TemplateError):
        resolve(broken, {}, folder_name="shop")


# -- properties --------------------------------------------------------------------------------

words = st.text(max_size=12) | st.sampled_from(["small", "custom", "shop", "true", "no", "8"])
names = st.sampled_from(["preset", "name", "worker", "port", "parts", "label", "nmae"])
parts = st.lists(st.sampled_from(["mail", "cache", "fax"])) | st.sampled_from(["mail,cache", "[]"])
anything = st.dictionaries(names, words | parts | st.booleans() | st.integers() | st.none())


@examples(anything)
@settings(max_examples=150, deadline=None)
def test_whatever_is_given_the_answers_keep_every_rule(given: dict[str, Value]) -> None:
    answers = answer(given)
    accepted = given.keys() - {problem.name for problem in answers.problems}
    assert {a.question.name for a in answers.all if a.source == "--data"} == accepted
    assert not [a for a in answers.all if a.breaks]


@examples(anything)
@settings(max_examples=150, deadline=None)
def test_answers_given_again_are_the_same_answers(given: dict[str, Value]) -> None:
    first = answer(given)
    again = answer({a.question.name: a.value for a in first.shown})
    assert (again.values, again.problems, again.open) == (first.values, (), ())


@examples(
    st.fixed_dictionaries(
        {"preset": st.sampled_from(["minimal", "custom"])},
        optional={
            "project_name": st.from_regex(
                r"[a-z][a-z0-9]{0,9}(-[a-z0-9]{1,9}){0,2}", fullmatch=True
            ),
            "description": st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]))
            .map(lambda text: text.replace('"', "") or "it")
            .filter(lambda text: bool(text.strip()) and len(text) <= 120),
            "venv_layout": st.sampled_from(["shared", "in-project"]),
            "database": st.sampled_from(["sqlite", "postgresql", "mysql"]),
            "features": st.sampled_from(
                [[], ["operations"], ["telemetry"], ["idempotency", "cache", "security"]]
            ),
        },
    )
)
@settings(max_examples=30, deadline=None)
def test_copier_answers_the_templates_questions_alike(
    tmp_path_factory: pytest.TempPathFactory, given: dict[str, Value]
) -> None:
    source = tmp_path_factory.mktemp("source")
    (source / "copier.yml").write_bytes((REPOSITORY / "copier.yml").read_bytes())
    (source / "template").mkdir()
    destination = tmp_path_factory.mktemp("parent") / "shop"
    worker = copier.run_copy(
        str(source), destination, given, defaults=True, quiet=True, settings=copier.Settings()
    )
    stated = {name: SourcedValue(value, "--data") for name, value in given.items()}
    answers = resolve(load(source / "copier.yml"), stated, folder_name="shop")
    theirs = worker.answers.combined
    assert answers.problems == ()
    assert answers.values == {name: theirs[name] for name in answers.values}
