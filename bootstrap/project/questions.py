"""The template's questions, as `copier.yml` states them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

import yaml

from bootstrap.errors import HeadstartError
from bootstrap.language import Said

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"

# libyaml is ten times as fast, and not in every build of PyYAML.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

TYPES = ("bool", "float", "int", "json", "path", "str", "yaml")
_NEEDED = frozenset({"type", "help", "default"})
_KEYS = _NEEDED | {
    *("ask", "choices", "multiselect", "placeholder", "qmark", "secret", "validator", "when"),
}


class TemplateError(HeadstartError):
    """The template itself is wrong; its user cannot fix it."""

    def __init__(self, why: str) -> None:
        super().__init__(
            Said("The template cannot be used."),
            why=(why,),
            next=(Said("this is a mistake in the template: please report it"),),
        )


@dataclass(frozen=True)
class Choice:
    label: str
    value: Value


@dataclass(frozen=True)
class Question:
    """One question. `default`, `validator`, `when` and `ask` are Jinja where they are text.

    `when` false: the question does not apply; its value is the default, and is not remembered.
    `ask` false: the default is taken silently unless another value is given.
    """

    name: str
    type: str
    help: str
    default: Value
    choices: tuple[Choice, ...] = ()
    placeholder: str = ""
    validator: str = ""
    when: bool | str = True
    ask: bool | str = True
    secret: bool = False
    multiselect: bool = False


@dataclass(frozen=True)
class Preset:
    """A named starting point, and what it adds."""

    name: str
    adds: str


@dataclass(frozen=True)
class Questionnaire:
    """All questions in the order to ask them, and the options of their Jinja."""

    questions: tuple[Question, ...]
    jinja_options: Mapping[str, Value]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(question.name for question in self.questions)

    @property
    def presets(self) -> tuple[Preset, ...]:
        """The choices of the question `preset`, whose labels read `name: what it adds`."""
        choices = next((q.choices for q in self.questions if q.name == "preset"), ())
        return tuple(Preset(str(c.value), c.label.partition(": ")[2]) for c in choices)


def load(config: Path) -> Questionnaire:
    """Read the questions of a `copier.yml`."""
    return parse(document(config))


def document(config: Path) -> Mapping[str, Value]:
    """Read a `copier.yml`; the same text is parsed once."""
    try:
        return _parsed(config.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise TemplateError(
            Said("{name} cannot be read: {error}", name=config.name, error=error)
        ) from error


@cache
def _parsed(text: str) -> Mapping[str, Value]:
    parsed: Mapping[str, Value] = yaml.load(text, Loader=_Loader)  # noqa: S506 - both are safe
    return parsed


def parse(document: Mapping[str, Value]) -> Questionnaire:
    """Parse the content of a `copier.yml`: every key without a leading underscore."""
    if not isinstance(document, Mapping):
        raise TemplateError(Said("copier.yml is not a mapping"))
    options = document.get("_envops") or {}
    if not isinstance(options, dict):
        raise TemplateError(Said("_envops is not a mapping"))
    named = ((name, details) for name, details in document.items() if not name.startswith("_"))
    return Questionnaire(tuple(_question(name, details) for name, details in named), options)


def _question(name: str, details: Value) -> Question:
    if not isinstance(details, dict):
        raise TemplateError(
            Said("the question {name} is not written out with type, help and default", name=name)
        )
    _check_keys(name, details)
    return Question(
        name=name,
        type=str(details["type"]),
        help=str(details.get("help", "")),
        default=details["default"],
        choices=_choices(name, details.get("choices", {})),
        placeholder=str(details.get("placeholder", "")),
        validator=str(details.get("validator", "")),
        when=_condition(details.get("when", True)),
        ask=_condition(details.get("ask", True)),
        secret=details.get("secret") is True,
        multiselect=details.get("multiselect") is True,
    )


def _check_keys(name: str, details: Mapping[str, Value]) -> None:
    """Refuse what only Copier knows, rather than answer differently in silence."""
    unknown = sorted(details.keys() - _KEYS)
    if unknown:
        raise TemplateError(
            Said(
                "the question {name} uses {names}, unknown to Headstart",
                name=name,
                names=", ".join(unknown),
            )
        )
    # What is computed is never shown, so it needs no help text.
    needed = _NEEDED - {"help"} if details.get("when") is False else _NEEDED
    missing = sorted(needed - details.keys())
    if missing:
        raise TemplateError(
            Said("the question {name} has no {names}", name=name, names=", ".join(missing))
        )
    if details["type"] not in TYPES:
        raise TemplateError(
            Said("the question {name} has an unknown type: {type}", name=name, type=details["type"])
        )
    if details.get("multiselect") is True and not details.get("choices"):
        raise TemplateError(
            Said("the question {name} takes several choices and offers none", name=name)
        )


def _choices(name: str, stated: Value) -> tuple[Choice, ...]:
    if isinstance(stated, dict):
        return tuple(Choice(str(label), value) for label, value in stated.items())
    if isinstance(stated, list):
        return tuple(Choice(str(value), value) for value in stated)
    raise TemplateError(Said("the choices of {name} are neither a list nor a mapping", name=name))


def _condition(stated: Value) -> bool | str:
    return stated if isinstance(stated, bool) else str(stated)
