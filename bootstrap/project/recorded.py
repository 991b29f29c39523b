"""The answers that a project was rendered from, as its commit records them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from bootstrap.errors import Refused, UsageError
from bootstrap.project import git, releases
from bootstrap.project.answers import Answers, ProvidedAnswers, SourcedValue, resolve
from bootstrap.project.merge import ANSWERS
from bootstrap.project.questions import Questionnaire, Value
from bootstrap.project.repository import Repository

SOURCE = "gh:headstart-dev/headstart"
_MARKERS = ("<<<<<<<", ">>>>>>>")


@dataclass(frozen=True)
class AnswersFile:
    """The version of the template that a project came from, and the answers."""

    version: str
    answers: Mapping[str, Value]

    @property
    def number(self) -> tuple[int, ...] | None:
        """Its number, where it is a release."""
        return releases.number(self.version)

    def given(self) -> dict[str, SourcedValue]:
        """The answers, as what was given once."""
        return {name: SourcedValue(value, "recorded") for name, value in self.answers.items()}


def locate(folder: Path) -> Path:
    """The project that `folder` is in."""
    above = (folder, *folder.parents)
    # A git that was killed may have left the file out of the folder, but not out of the commit.
    for holds in (_on_disk, _committed):
        if found := next((candidate for candidate in above if holds(candidate)), None):
            return found
    raise UsageError(
        "There is no project here that Headstart has rendered.",
        why=(f"neither {folder} nor a folder above it has {ANSWERS}",),
        next=("go into one, or name it with --project", "a new one: headstart new shop"),
    )


def _on_disk(folder: Path) -> bool:
    return (folder / ANSWERS).is_file()


def _committed(folder: Path) -> bool:
    return git.call("cat-file", "-e", f"HEAD:./{ANSWERS}", cwd=folder).code == 0


def read(repository: Repository) -> AnswersFile:
    """What the checked-out commit records; a change that is not committed is refused."""
    name = repository.prefix + ANSWERS
    shown = git.call("show", f"HEAD:{name}", cwd=repository.top)
    if shown.code != 0:
        raise Refused(f"{ANSWERS} is not committed.", next=(f"git add {ANSWERS} && git commit",))
    if repository.git("status", "--porcelain", "--", name):
        raise Refused(
            f"{ANSWERS} has changes that are not committed.",
            why=("it says what an update begins from",),
            next=(
                f"git checkout -- {ANSWERS}",
                "other answers are given to the command: headstart update --data name=value",
            ),
        )
    return parse(shown.out)


def parse(text: str) -> AnswersFile:
    """The content of an answers file."""
    if any(line.startswith(_MARKERS) for line in text.splitlines()):
        raise _unusable(
            "a merge left its conflict markers in it",
            f"take one side of it whole: git checkout --ours {ANSWERS}, then run this again",
        )
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise _unusable(" ".join(str(error).split()), _PUT_BACK) from error
    if not isinstance(content, dict) or not isinstance(content.get("_commit"), str):
        raise _unusable("it does not say which template the project came from", _PUT_BACK)
    if content.get("_src_path") != SOURCE:
        raise _unusable(
            f"the project is of another template: {content.get('_src_path')}",
            "Headstart updates what Headstart has rendered",
        )
    answers = {name: value for name, value in content.items() if not name.startswith("_")}
    return AnswersFile(content["_commit"], answers)


def of_base(recorded: AnswersFile, questions: Questionnaire, folder_name: str) -> Answers:
    """The answers to the questions of the template that the project came from."""
    answers = resolve(questions, recorded.given(), folder_name=folder_name)
    if answers.problems:
        raise _unusable(*(f"edited by hand? {problem}" for problem in answers.problems), _PUT_BACK)
    return answers


def still_asked(
    recorded: AnswersFile, questions: Questionnaire, data: ProvidedAnswers, folder_name: str
) -> tuple[ProvidedAnswers, tuple[str, ...]]:
    """What is given to newer questions, and the names of recorded answers they no longer ask."""
    kept = {name: each for name, each in recorded.given().items() if name in questions.names}
    resolved = resolve(questions, {**kept, **data}, folder_name=folder_name)
    silent = {answer.question.name for answer in resolved.all if not answer.applies}
    kept = {name: each for name, each in kept.items() if name not in silent}
    return {**kept, **data}, tuple(sorted(recorded.answers.keys() - kept.keys()))


_PUT_BACK = f"put it back as it was: git log -p -- {ANSWERS}"


def _unusable(*told: str) -> Refused:
    return Refused(f"{ANSWERS} cannot be used.", why=told[:-1], next=told[-1:])
