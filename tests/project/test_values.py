"""Values are read strictly, and a refusal names the rule."""

import pytest

from bootstrap.project.questions import Choice, Question, Value
from bootstrap.project.values import NotAValue, format_value, parse_value


def question(kind: str, *choices: Value, multiselect: bool = False) -> Question:
    labelled = tuple(Choice(str(choice), choice) for choice in choices)
    return Question("it", kind, "?", None, choices=labelled, multiselect=multiselect)


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        ("bool", "true", True),
        ("bool", "No", False),
        ("bool", True, True),
        ("int", "8080", 8080),
        ("int", 8080, 8080),
        ("float", "1.5", 1.5),
        ("str", "3.10", "3.10"),
        ("str", "{{ x }}", "{{ x }}"),
        ("path", "~/venvs", "~/venvs"),
        ("json", '{"a": [1]}', {"a": [1]}),
        ("yaml", "[a, b]", ["a", "b"]),
        ("yaml", {"a": 1}, {"a": 1}),
    ],
)
def test_a_value_of_the_right_kind_is_read(kind: str, raw: Value, value: Value) -> None:
    assert parse_value(question(kind), raw) == value


@pytest.mark.parametrize(
    ("kind", "raw", "rule"),
    [
        ("bool", "disabled", "must be true or false (also yes, no, on, off), not disabled"),
        ("bool", 1, "must be true or false"),
        ("bool", "", "must be true or false"),
        ("int", "1.5", "must be a whole number, not 1.5"),
        ("int", True, "must be a whole number, not true"),
        ("float", "nan", "must be a number, not nan"),
        ("float", "much", "must be a number, not much"),
        ("str", 3.1, "must be text: write 3.1 in quotes"),
        ("str", None, "must be text: write null in quotes"),
        ("json", "{", "must be JSON: "),
        ("yaml", "{", "must be YAML: "),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(kind: str, raw: Value, rule: str) -> None:
    with pytest.raises(NotAValue) as refusal:
        parse_value(question(kind), raw)
    assert str(refusal.value).startswith(rule)


def test_a_choice_is_one_of_those_offered() -> None:
    assert parse_value(question("str", "a", "b"), "b") == "b"
    with pytest.raises(NotAValue, match="must be one of a, b, not c"):
        parse_value(question("str", "a", "b"), "c")


def test_several_choices_are_a_list_or_separated_by_commas() -> None:
    several = question("str", "a", "b", "c", multiselect=True)
    given: list[Value] = ["a, c", "[a, c]", '["a", "c"]', ["a", "c"], "c,a,c", ["c", "a"]]
    for raw in given:
        assert parse_value(several, raw) == ["a", "c"]
    nothing: list[Value] = ["", "[]", []]
    for raw in nothing:
        assert parse_value(several, raw) == []
    assert parse_value(several, format_value(["b", "c"])) == ["b", "c"]
    with pytest.raises(NotAValue, match="must be one of a, b, c, not d"):
        parse_value(several, "a,d")
    with pytest.raises(NotAValue, match="must be a list, not 1"):
        parse_value(several, 1)
    with pytest.raises(NotAValue, match="must be YAML"):
        parse_value(several, "[a")


@pytest.mark.parametrize("value", [True, False, 3, "text", ["a"], {"a": 1}])
def test_a_shown_value_can_be_typed_again(value: Value) -> None:
    kind = {bool: "bool", int: "int", str: "str"}.get(type(value), "json")
    assert parse_value(question(kind), format_value(value)) == value
