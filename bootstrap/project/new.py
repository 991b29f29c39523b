"""The answers for a new project: given, found on this machine, or asked."""

import platform
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from bootstrap import pyenv
from bootstrap.project.answers import Answers, Candidates, ProvidedAnswers, SourcedValue, resolve
from bootstrap.project.ask import Resolve, ask_open, refuse_open
from bootstrap.project.questions import Questionnaire


def resolver(questionnaire: Questionnaire, path: Path, environ: Mapping[str, str]) -> Resolve:
    """How the given values become the answers of a new project at `path` on this machine."""
    return partial(
        resolve, questionnaire, folder_name=path.name, candidates=on_this_machine(environ)
    )


def on_this_machine(environ: Mapping[str, str]) -> Candidates:
    """Better defaults than the template's: the Pythons that are here, pyenv's newest first."""
    built = pyenv.final_versions(pyenv.root(environ))
    return {
        "python_version": (
            *(SourcedValue(version, "newest in pyenv") for version in built),
            SourcedValue(platform.python_version(), "the Python that runs headstart"),
        )
    }


def settle(resolve_given: Resolve, given: ProvidedAnswers, *, defaults: bool) -> Answers:
    """The final answers: `defaults` asks nothing, and without a terminal nothing can be asked."""
    answers = resolve_given(given)
    if answers.problems or defaults:
        return answers.usable()
    if not sys.stdin.isatty():
        return refuse_open(answers).usable()
    if answers.open:
        from bootstrap.project.prompt import at_terminal  # noqa: PLC0415  (heavy: questionary)

        answers = ask_open(resolve_given, given, at_terminal)
    return answers.usable()
