"""Answers to questions that a template does not have yet: which one has them, and the way there."""

import shlex
from collections.abc import Iterable, Iterator

from bootstrap.errors import UsageError
from bootstrap.language import Said
from bootstrap.project import questions, releases, template
from bootstrap.project.questions import Questionnaire
from bootstrap.project.template import Template


def require_asked(names: Iterable[str], asked: Questionnaire, to: Template, *command: str) -> None:
    """Refuse what only a newer template asks; `command` goes to the version that is added to it.

    What none asks is somebody's mistake in writing, and told with all others.
    """
    unasked = [name for name in names if name not in asked.names]
    newer = next((each for each in _newer(to) if _asks(each, unasked)), None) if unasked else None
    if newer is None:
        return
    what, have = ("question", "it") if len(unasked) == 1 else ("questions", "them")
    version = newer.version.removeprefix("v") if newer.released else template.WORKING_TREE
    told = (
        f"{version} has {have}" if newer.released else f"no release has {have} yet, {version} has"
    )
    raise UsageError(
        Said(
            "The template {version} has no {what} {names}.",
            version=to.version.removeprefix("v"),
            what=what,
            names=", ".join(unasked),
        ),
        why=(told,),
        next=(
            shlex.join((*command, version)) + "".join(f" --data {name}=…" for name in unasked),
            Said("or leave {have} out", have=have),
        ),
    )


def _newer(than: Template) -> Iterator[Template]:
    """The newer templates that are here, oldest first."""
    number = releases.number(than.version)
    for each in releases.released():
        if number and each.number > number:
            yield template.find(each.version)
    if template.is_checkout():
        yield template.find(template.WORKING_TREE)


def _asks(found: Template, names: Iterable[str]) -> bool:
    return {*names} <= {*questions.load(found.config).names}
