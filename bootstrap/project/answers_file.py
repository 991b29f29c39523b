"""The answers file of a project: the template and the answers that it was rendered from.

What the checked-out commit has counts. Edited by hand, the file would make every update begin from
a project that never was: `require_unedited` compares it with the files.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from bootstrap.errors import Refused, UsageError
from bootstrap.language import Said, joined
from bootstrap.project import git, releases
from bootstrap.project.answers import Answers, ProvidedAnswers, SourcedValue, resolve
from bootstrap.project.questions import Questionnaire, Value
from bootstrap.project.repository import BY_HEADSTART, Repository
from bootstrap.project.subjects import subject
from bootstrap.project.trees import ScratchRepository, Tree
from bootstrap.publisher import FORMER_SOURCES, SOURCE

ANSWERS = ".copier-answers.yml"
_MARKERS = ("<<<<<<<", ">>>>>>>")
_PUT_BACK = Said("put it back as it was: git log -p -- {answers}", answers=ANSWERS)
_GITHUB = ("gh:", "https://github.com/", "ssh://git@github.com/", "git@github.com:")
_LINK = Said("find it by the files, and record it: headstart link")


@dataclass(frozen=True)
class AnswersFile:
    """The version of the template that a project came from, and the answers."""

    version: str
    answers: Mapping[str, Value]

    @property
    def number(self) -> tuple[int, ...] | None:
        """The version's number, if it is a release."""
        return releases.number(self.version)

    @property
    def provided(self) -> dict[str, SourcedValue]:
        """The answers as provided values."""
        return {name: SourcedValue(value, "recorded") for name, value in self.answers.items()}


def locate(folder: Path) -> Path:
    """Find the project that `folder` is in."""
    above = (folder, *folder.parents)
    # A git that was killed may have left the file out of the folder, but not out of the commit.
    for holds in (_on_disk, _committed):
        if found := next((candidate for candidate in above if holds(candidate)), None):
            return found
    raise UsageError(
        Said("There is no project here that Headstart has rendered."),
        why=(
            Said(
                "neither {folder} nor a folder above it has {answers}",
                folder=folder,
                answers=ANSWERS,
            ),
        ),
        next=(
            Said("go into one, or name it with --project"),
            Said("one that has lost the file, or never had it: headstart link"),
            Said("a new one: headstart new shop"),
        ),
    )


def _on_disk(folder: Path) -> bool:
    return (folder / ANSWERS).is_file()


def _committed(folder: Path) -> bool:
    return git.call("cat-file", "-e", f"HEAD:./{ANSWERS}", cwd=folder).code == 0


def load(repository: Repository) -> AnswersFile:
    """Read the file of the checked-out commit; refuse changes that are not committed."""
    require_file(repository)
    name = repository.prefix + ANSWERS
    shown = git.call("show", f"HEAD:{name}", cwd=repository.top)
    if shown.code != 0:
        raise _not_committed(repository, name)
    if repository.git("--literal-pathspecs", "status", "--porcelain", "--", name):
        raise Refused(
            Said("{answers} has changes that are not committed.", answers=ANSWERS),
            why=(Said("it says what an update begins from"),),
            next=(
                f"git checkout -- {ANSWERS}",
                Said("other answers are given to the command: headstart update --data name=value"),
            ),
        )
    if _is_marked(shown.out):
        raise _marked(repository, name)
    return parse(shown.out)


def require_file(repository: Repository) -> None:
    """Refuse a symbolic link: git keeps of it only where it leads."""
    it = repository.top / repository.prefix / ANSWERS
    if it.is_symlink():
        raise Refused(
            Said("{answers} is a symbolic link.", answers=ANSWERS),
            why=(Said("git keeps only where it leads, and an update reads what git keeps"),),
            next=(
                Said(
                    "put the file there: cp -L {answers} answers && mv answers {answers}",
                    answers=ANSWERS,
                ),
                Said("then: git add {answers} && git commit", answers=ANSWERS),
            ),
        )


def _marked(repository: Repository, name: str) -> Refused:
    """A merge was committed with its markers in the file; the commits before had none."""
    logged = repository.git("log", "--format=%H", "HEAD", "--", name).splitlines()
    texts = {each: git.query("show", f"{each}:{name}", cwd=repository.top) for each in logged[:10]}
    whole = next((each for each, text in texts.items() if text and not _is_marked(text)), "")
    said = _subject(repository, "The answers without markers")
    back = f"git checkout {whole[:10]} -- {ANSWERS} && git commit -m '{said}'"
    step = Said("take it as it was before that: {back}", back=back) if whole else _LINK
    return _unusable(Said("the conflict markers of a merge were committed in it"), next=step)


def _is_marked(text: str) -> bool:
    return any(line.startswith(_MARKERS) for line in text.splitlines())


def _not_committed(repository: Repository, name: str) -> Refused:
    ignored = git.call("check-ignore", "--quiet", "--", name, cwd=repository.top).code == 0
    commit = f"git add {'--force ' if ignored else ''}{ANSWERS} && git commit"
    there = (repository.top / name).is_file()
    return Refused(
        Said("{answers} is not committed.", answers=ANSWERS), next=(commit if there else _LINK,)
    )


def parse(text: str) -> AnswersFile:
    if _is_marked(text):
        raise _unusable(Said("a merge left its conflict markers in it"))
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise _unusable(" ".join(str(error).split())) from error
    if not isinstance(content, dict) or not isinstance(content.get("_commit"), str):
        raise _unusable(Said("it does not say which template the project came from"), next=_LINK)
    source = str(content.get("_src_path"))
    if not is_headstart(source):
        raise _elsewhere(source)
    answers = {name: value for name, value in content.items() if not name.startswith("_")}
    return AnswersFile(content["_commit"], answers)


def is_headstart(source: str) -> bool:
    """Whether a source is Headstart's template, however its address is written."""
    return _canonical(source) in map(_canonical, (SOURCE, *FORMER_SOURCES))


def _canonical(source: str) -> str:
    written = source.removeprefix("git+").removesuffix("/").removesuffix(".git")
    host = next((each for each in _GITHUB if written.startswith(each)), "")
    return f"gh:{written.removeprefix(host)}" if host else written


def _elsewhere(source: str) -> Refused:
    return Refused(
        Said("The project was generated from another template: {source}", source=source),
        why=(
            Said(
                "{answers} says so; Headstart knows only the releases of its own", answers=ANSWERS
            ),
            Said("up, plan, doctor and undo work all the same: they read the pins alone"),
        ),
        next=(
            Said("to get what that template changes: copier update"),
            Said("to follow Headstart's own from now on, if the files are like it: headstart link"),
        ),
    )


def base_answers(file: AnswersFile, questions: Questionnaire, folder_name: str) -> Answers:
    """Answer the questions of the template that the project came from."""
    answers = resolve(questions, file.provided, folder_name=folder_name)
    if answers.problems:
        raise _unusable(
            *(Said("edited by hand? {problem}", problem=problem) for problem in answers.problems)
        )
    return answers


def still_asked(
    file: AnswersFile, questions: Questionnaire, data: ProvidedAnswers, folder_name: str
) -> tuple[ProvidedAnswers, tuple[str, ...]]:
    """The answers for newer questions, and the names of those that are no longer asked."""
    kept = {name: each for name, each in file.provided.items() if name in questions.names}
    resolved = resolve(questions, {**kept, **data}, folder_name=folder_name)
    unasked = {answer.question.name for answer in resolved.all if not answer.applies}
    kept = {name: each for name, each in kept.items() if name not in unasked}
    return {**kept, **data}, tuple(sorted(file.answers.keys() - kept.keys()))


def require_accepted(answers: Answers, given: ProvidedAnswers, version: str) -> None:
    """Refuse recorded answers that this template does not accept."""
    broken = [each for each in answers.problems if each.name not in given]
    if not broken:
        return
    data = " ".join(f"--data {each.name}=…" for each in broken)
    raise Refused(
        Said(
            "{answers} has what the template {version} does not accept.",
            answers=ANSWERS,
            version=version,
        ),
        why=tuple(map(str, broken)),
        next=(Said("answer it anew: headstart update {data}", data=data),),
    )


def require_unedited(
    scratch: ScratchRepository,
    file: AnswersFile,
    rendered: Tree,
    render: Callable[[AnswersFile], Tree],
) -> None:
    """Refuse a file that was edited by hand; `rendered` is what it renders now.

    Where anything but an update has changed it since, the project's files decide: they resemble the
    render of what the file says now, or of what it said then.
    """
    commit, former = _trusted(scratch.repository)
    if former is None or former == file:
        return
    files = scratch.project_files("HEAD")
    before = render(former)
    differing = {path for path in {*rendered, *before} if rendered.get(path) != before.get(path)}
    differing.discard(ANSWERS)
    like_now = sum(files.get(path) == rendered.get(path) for path in differing)
    like_before = sum(files.get(path) == before.get(path) for path in differing)
    if like_before > like_now:
        raise _edited(scratch.repository, former, file, commit, like_before)


def _trusted(repository: Repository) -> tuple[str, AnswersFile | None]:
    """The last commit that changed the answers and is Headstart's, and what they were in it.

    That is the last update, and before the first one the commit that made the project. None where
    nobody has changed them since.
    """
    name = repository.prefix + ANSWERS
    logged = repository.git("log", f"--format=%H {BY_HEADSTART}", "--", name).splitlines()
    lines = [line.partition(" ") for line in logged]
    trusted = [number for number, line in enumerate(lines) if line[2].strip()]
    number = next(iter(trusted), len(lines) - 1)
    if number <= 0:
        return "", None
    commit = lines[number][0]
    shown = git.call("show", f"{commit}:{name}", cwd=repository.top)
    try:
        return commit, parse(shown.out) if shown.code == 0 else None
    except Refused:
        return commit, None


def _edited(
    repository: Repository, former: AnswersFile, now: AnswersFile, commit: str, like_before: int
) -> Refused:
    old, new = ({"_commit": each.version, **each.answers} for each in (former, now))
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    data = [f"--data {name}={new[name]}" for name in names if name in new and name != "_commit"]
    said = _subject(repository, "Put the answers back")
    back = f"git checkout {commit[:10]} -- {ANSWERS} && git commit -m '{said}'"
    return Refused(
        Said(
            "{answers} was edited by hand, and the files were not rendered from what it says now.",
            answers=ANSWERS,
        ),
        why=(
            *(f"{name}: {old.get(name)} → {new.get(name)}" for name in names),
            Said(
                "{like_before} files are as the former answers render them", like_before=like_before
            ),
        ),
        next=(
            Said("put it back: {back}", back=back),
            joined((Said("then: headstart update"), *data), " "),
            Said("or record what the files say: headstart link"),
        ),
    )


def _subject(repository: Repository, said: str) -> str:
    return subject(repository.top / repository.prefix, "chore", said)


def _unusable(*why: str, next: str = _PUT_BACK) -> Refused:  # noqa: A002 - as in the errors
    return Refused(Said("{answers} cannot be used.", answers=ANSWERS), why=why, next=(next,))
