"""The answers for a project: given on the command line, found on this machine, or asked."""

import platform
import shlex
import textwrap
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

import yaml

from bootstrap import pyenv
from bootstrap.errors import UsageError
from bootstrap.language import Said, _
from bootstrap.project.answers import (
    Answer,
    Answers,
    Candidates,
    ProvidedAnswers,
    SourcedValue,
    resolve,
)
from bootstrap.project.changed_answers import ASKED, Resolve, change_answer
from bootstrap.project.questions import Questionnaire, Value
from bootstrap.project.values import format_value
from bootstrap.terminals import can_ask

if TYPE_CHECKING:
    from prompt_toolkit.output import Output
    from questionary import Choice
    from questionary import Question as Widget

Validate = Callable[[Value], bool | str]

# An answers file of another project will do as a data file: these two are Copier's own notes in it.
_COPIERS_OWN = frozenset({"_commit", "_src_path"})


CUSTOM = "custom"  # the preset that leaves everything to be asked
_GO_ON = ""  # the name of no question
_AROUND = len(" »   ")  # of a choice: the pointer, and what is between name and value


# -- given on the command line ---------------------------------------------------------------------


def provided_answers(
    *, data: Sequence[str], data_file: Path | None, preset: str | None
) -> ProvidedAnswers:
    """Collect the answers: `--data` (the last one wins), `--preset`, then the data file."""
    from_file = _file_answers(data_file) if data_file else {}
    from_preset = {"preset": SourcedValue(preset, "--preset")} if preset else {}
    return {**from_file, **from_preset, **parse_pairs(data)}


def parse_pairs(pairs: Sequence[str]) -> dict[str, SourcedValue]:
    """Parse `name=value` arguments."""
    split = [pair.partition("=") for pair in pairs]
    malformed = ["".join(parts) for parts in split if not parts[0] or not parts[1]]
    if malformed:
        raise UsageError(
            Said("--data takes name=value."),
            why=tuple(
                Said("{pair} has no name and value around a =", pair=repr(pair))
                for pair in malformed
            ),
            next=(Said("for example: --data project_name=shop"),),
        )
    return {name.strip(): SourcedValue(value, "--data") for name, _equals, value in split}


def _file_answers(path: Path) -> dict[str, SourcedValue]:
    """Read a YAML file, such as the `.copier-answers.yml` of another project."""
    return {
        str(name): SourcedValue(value, path.name)
        for name, value in _load(path).items()
        if name not in _COPIERS_OWN
    }


def _load(path: Path) -> Mapping[str, Value]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error
    except (ValueError, yaml.YAMLError) as error:
        raise _unusable(path, *str(error).splitlines()) from error
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise _unusable(path, Said("it must hold `name: value` lines"))
    return content


def _unusable(path: Path, *why: str) -> UsageError:
    return UsageError(Said("The data file {path} cannot be used.", path=str(path)), why=why)


# -- for a new project -----------------------------------------------------------------------------


def resolver(questionnaire: Questionnaire, path: Path, environ: Mapping[str, str]) -> Resolve:
    """A function that resolves the answers of a new project at `path` on this machine."""
    candidates = _machine_candidates(environ)
    # "café-ordérs" as "cafe-orders", for a name is of plain letters.
    folder_name = without_accents(path.name)
    return partial(resolve, questionnaire, folder_name=folder_name, candidates=candidates)


def without_accents(text: str) -> str:
    """Return the letters that the accents are on; letters that have none are as they were."""
    parts = unicodedata.normalize("NFKD", text)
    return "".join(part for part in parts if not unicodedata.combining(part))


def require_name(provided: ProvidedAnswers, path: Path) -> None:
    """Refuse to make up a project's name, where the folder's has no letter that it could have."""
    plain = without_accents(path.name).lower()
    if "project_name" not in provided and not any(letter in ascii_lowercase for letter in plain):
        raise UsageError(
            Said("The project needs a name."),
            why=(Said("the folder's, {name}, has no letter from a to z", name=path.name),),
            next=(Said("for example: --data project_name=shop"),),
        )


def _machine_candidates(environ: Mapping[str, str]) -> Candidates:
    """Better defaults than the template's: the installed Pythons, pyenv's newest first."""
    built = pyenv.final_versions(pyenv.root(environ))
    return {
        "python_version": (
            *(SourcedValue(version, "newest in pyenv") for version in built),
            SourcedValue(platform.python_version(), "the Python that runs headstart"),
        )
    }


def resolve_answers(
    resolve_provided: Resolve, provided: ProvidedAnswers, *, defaults: bool
) -> Answers:
    """Resolve the final answers. `defaults` asks nothing; a terminal is needed to ask."""
    answers = resolve_provided(provided)
    if answers.problems or defaults:
        return answers.usable()
    if can_ask():
        asked = _review(resolve_provided, _ask_each(resolve_provided, provided))
        return resolve_provided(asked).usable()
    _require_closed(answers)
    return answers.usable()


def _require_closed(answers: Answers) -> None:
    """Refuse open questions: there is no terminal to ask them at."""
    if not answers.open:
        return
    defaults = [(a.question.name, a.shown_value, Said(a.question.help)) for a in answers.open]
    flags = " ".join(f"--data {name}={shlex.quote(value)}" for name, value, _help in defaults)
    raise UsageError(
        Said("There are open questions, and no terminal to ask them on."),
        why=tuple(
            Said("{name} (default: {value}): {text}", name=name, value=value, text=text)
            for name, value, text in defaults
        ),
        next=(
            Said("take the defaults: --defaults"),
            Said("or answer: {flags}", flags=flags),
        ),
    )


# -- asked at the terminal -------------------------------------------------------------------------


def ask_open(resolve_provided: Resolve, provided: ProvidedAnswers) -> Answers:
    """Ask the open questions one by one, each in the light of the answers before it."""
    return resolve_provided(_ask_each(resolve_provided, provided)).usable()


def _ask_each(resolve_provided: Resolve, provided: ProvidedAnswers) -> ProvidedAnswers:
    answers = resolve_provided(provided)
    while answers.open and not answers.problems:
        provided = _ask_one(resolve_provided, provided, answers.open[0])
        answers = resolve_provided(provided)
    return provided


def _ask_one(
    resolve_provided: Resolve, provided: ProvidedAnswers, answer: Answer
) -> ProvidedAnswers:
    name = answer.question.name
    value = _ask(answer, _validation(resolve_provided, provided, name))
    return change_answer(resolve_provided, provided, name, value)


def _review(resolve_provided: Resolve, provided: ProvidedAnswers) -> ProvidedAnswers:
    """Show what was answered, and go back to any of it, until it is as it should be."""
    while True:
        answers = resolve_provided(provided)
        asked = [answer for answer in answers.shown if answer.source == ASKED]
        chosen = _answered(_summary_widget(asked)) if asked and not answers.problems else _GO_ON
        if chosen == _GO_ON:
            return provided
        answer = next(each for each in asked if each.question.name == chosen)
        provided = _ask_one(resolve_provided, provided, answer)
        provided = _ask_each(resolve_provided, provided)


def _validation(resolve_provided: Resolve, provided: ProvidedAnswers, name: str) -> Validate:
    """A check in questionary's form: True, or the rule that a value breaks."""

    def validate(value: Value) -> bool | str:
        problems = resolve_provided({**provided, name: SourcedValue(value, ASKED)}).problems
        return next((rule for broken, rule in problems if broken == name), True)

    return validate


def _ask(answer: Answer, validate: Validate) -> Value:
    """Ask until the answer keeps its rules."""
    while True:
        value = _answered(_widget(answer))
        verdict = validate(value)
        if verdict is True:
            return value
        _show_rule(str(verdict))
        answer = replace(answer, value=value)


def _answered(widget: "Widget") -> Value:
    """What a person answers. Ctrl-C and Ctrl-D raise KeyboardInterrupt."""
    try:
        value: Value = widget.unsafe_ask()
    except EOFError:
        raise KeyboardInterrupt from None
    return value


def _show_rule(rule: str) -> None:
    """Say what is wrong above the question that is asked again: the prompt has one line for it."""
    import questionary  # noqa: PLC0415  (heavy)

    terminal = _terminal()
    width = terminal.get_size().columns
    text = textwrap.fill(rule, width, initial_indent="  ✗ ", subsequent_indent="    ")
    questionary.print(text, style="fg:ansired", output=terminal)


def _terminal() -> "Output":
    """The terminal, even when the result (stdout) is piped away."""
    from prompt_toolkit.output import create_output  # noqa: PLC0415  (heavy)

    return create_output(always_prefer_tty=True)


def _shared() -> dict[str, Any]:
    """Return what every question is asked with."""
    return {"qmark": "?", "output": _terminal()}


def _widget(answer: Answer) -> "Widget":
    import questionary  # noqa: PLC0415  (heavy)

    question = answer.question
    shared = _shared()
    if question.choices:
        return _choice_widget(answer, shared)
    if question.type == "bool":
        return questionary.confirm(_(question.help), answer.value is True, **shared)
    if question.secret:
        return questionary.password(_(question.help), **shared)
    return questionary.text(
        _(question.help), format_value(answer.value), placeholder=question.placeholder, **shared
    )


def _summary_widget(asked: Sequence[Answer]) -> "Widget":
    import questionary  # noqa: PLC0415  (heavy)

    widest = max(len(answer.question.name) for answer in asked)
    shared = _shared()
    room = shared["output"].get_size().columns - widest - _AROUND
    choices = [questionary.Choice(_("Go on"), _GO_ON)]
    for answer in asked:
        label = f"{answer.question.name:{widest}}  {_cut(answer.shown_value, room)}"
        choices.append(questionary.Choice(label, answer.question.name))
    question = _("Go on with these answers, or go back to one?")
    return _select(question, choices, None, shared)


def _select(
    question: str, choices: "Sequence[Choice]", default: "Choice | None", shared: dict[str, Any]
) -> "Widget":
    import questionary  # noqa: PLC0415  (heavy)

    # The instructions are questionary's own.
    how = _("(Use arrow keys)")
    return questionary.select(question, choices, default, instruction=how, **shared)


def _cut(text: str, room: int) -> str:
    """As much of a text as a line has room for."""
    from prompt_toolkit.utils import get_cwidth  # noqa: PLC0415  (heavy)

    if get_cwidth(text) <= room:
        return text
    while text and get_cwidth(text) >= room:
        text = text[:-1]
    return f"{text}…"


def _choice_widget(answer: Answer, shared: dict[str, Any]) -> "Widget":
    import questionary  # noqa: PLC0415  (heavy)

    question = answer.question
    if not question.multiselect:
        choices = [questionary.Choice(_(each.label), each.value) for each in question.choices]
        default = next((choice for choice in choices if choice.value == answer.value), None)
        return _select(_(question.help), choices, default, shared)
    ticked = answer.value if isinstance(answer.value, list) else []
    return questionary.checkbox(
        _(question.help),
        [
            questionary.Choice(_(each.label), each.value, checked=each.value in ticked)
            for each in question.choices
        ],
        instruction=_("(Use arrow keys to move, <space> to select, <a> to toggle, <i> to invert)"),
        **shared,
    )
