"""Parse what a person typed or wrote in YAML as the value that a question asks for.

Stricter than Copier, which takes `--data worker=disabled` as true and `python: 3.10` as "3.1".
"""

import json
import math
import re
from collections.abc import Callable, Sequence

import yaml

from bootstrap.language import Said
from bootstrap.project.questions import Question, Value

_BOOLS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class NotAValue(ValueError):
    """The rule that a value breaks, phrased to follow the question's name."""


def parse_value(question: Question, raw: Value) -> Value:
    """Parse `raw` as the question's type; NotAValue says which rule it breaks."""
    if question.multiselect:
        chosen = [_chosen(question, item) for item in _items(raw)]
        # In the order offered, once each: the same choice is always the same answer.
        return [choice.value for choice in question.choices if choice.value in chosen]
    return _chosen(question, raw)


def format_value(value: Value) -> str:
    """Write a value as one would type it."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def without_password(shown: str) -> str:
    """An address as it may be repeated: whoever typed a password into it knows it."""
    return re.sub(r"(://)[^\s\"]*@", r"\1…@", shown)


def _items(raw: Value) -> list[Value]:
    if isinstance(raw, str) and not raw.lstrip().startswith("["):
        return [item.strip() for item in raw.split(",") if item.strip()]
    items = _yaml(raw)
    if isinstance(items, list):
        return items
    raise NotAValue(Said("must be a list, not {value}", value=format_value(raw)))


def _chosen(question: Question, raw: Value) -> Value:
    value = _READERS[question.type](raw)
    allowed = [choice.value for choice in question.choices]
    if allowed and value not in allowed:
        given, names = format_value(value), [format_value(each) for each in allowed]
        near = nearest(given, names)
        hint = Said(": did you mean {near}?", near=near) if near else ""
        raise NotAValue(
            Said(
                "must be one of {names}, not {given}{hint}",
                names=", ".join(names),
                given=given,
                hint=hint,
            )
        )
    return value


def nearest(name: str, names: Sequence[str]) -> str | None:
    """Return the name that was probably meant; None where none is near."""
    from difflib import get_close_matches  # noqa: PLC0415  (only for a mistake)

    return next(iter(get_close_matches(name.lower(), names, n=1)), None)


def _text(raw: Value) -> str:
    if isinstance(raw, str):
        return raw
    raise NotAValue(Said("must be text: write {value} in quotes", value=format_value(raw)))


def _bool(raw: Value) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.strip().lower() in _BOOLS:
        return _BOOLS[raw.strip().lower()]
    raise NotAValue(
        Said(
            "must be true or false (also yes, no, on, off), not {value}",
            value=format_value(raw),
        )
    )


def _int(raw: Value) -> int:
    try:
        if isinstance(raw, str):
            return int(raw)
    except ValueError:
        pass
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    raise NotAValue(Said("must be a whole number, not {value}", value=format_value(raw)))


def _float(raw: Value) -> float:
    try:
        number = float(raw) if isinstance(raw, str | int | float) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if isinstance(raw, bool) or not math.isfinite(number):
        raise NotAValue(Said("must be a number, not {value}", value=format_value(raw)))
    return number


def _json(raw: Value) -> Value:
    try:
        value: Value = json.loads(raw) if isinstance(raw, str) else raw
    except ValueError as error:
        raise NotAValue(Said("must be JSON: {error}", error=error)) from error
    return value


def _yaml(raw: Value) -> Value:
    try:
        value: Value = yaml.safe_load(raw) if isinstance(raw, str) else raw
    except yaml.YAMLError as error:
        raise NotAValue(Said("must be YAML: {error}", error=error)) from error
    return value


_READERS: dict[str, Callable[[Value], Value]] = {
    "bool": _bool,
    "float": _float,
    "int": _int,
    "json": _json,
    "path": _text,
    "str": _text,
    "yaml": _yaml,
}
