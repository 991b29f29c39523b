"""Find the release and the answers that a project was rendered from, by its files alone.

The release is the one that has most of the project's contents. Texts among the answers are read
back from the lines that they were rendered into; of the other answers those are taken with which a
render is most like the project.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count, cycle

from bootstrap.errors import Refused
from bootstrap.language import Said
from bootstrap.project import answers_file, evidence, questions, template
from bootstrap.project.answers import Answers, ProvidedAnswers, SourcedValue, resolve
from bootstrap.project.questions import Question, Questionnaire, Value
from bootstrap.project.renders import rendered
from bootstrap.project.template import Template
from bootstrap.project.trees import ScratchRepository, Tree

FOUND = Said("found in the files")
_NEEDED = 10  # one in so many of a release's files makes a project one of its own
_TELLING = 4  # letters, at least, that a line has besides an answer

Names = Mapping[str, str]  # of contents, by path


@dataclass(frozen=True)
class Likeness:
    """A render beside a project: files that are the same, edited, gone.

    `kept` is what is left of the edited ones: for each the share of its lines, 0 to 1, added up.
    """

    same: int
    edited: int
    gone: int
    kept: float

    @property
    def score(self) -> float:
        return 2 * self.same + self.edited + self.kept - self.gone


@dataclass(frozen=True)
class ProjectOrigin:
    """The template and the answers that a project is nearest to, and its answers file with them."""

    template: Template
    answers: Answers
    likeness: Likeness
    text: str


def find(
    scratch: ScratchRepository,
    folder_name: str,
    stated: ProvidedAnswers,
    *,
    version: str | None,
    recorded: str,
) -> ProjectOrigin:
    """Find what the checked-out files of the project came from.

    `stated` are answers to begin from; those a person gave (not the recorded ones) are never
    doubted. A `version` that is given is taken, and the `recorded` one if none is nearer.
    """
    files = scratch.project_files("HEAD")
    names = evidence.text_names(scratch, files)
    texts = scratch.texts(files, files)
    nearest = (version,) if version else _nearest(frozenset(names.values()), texts, recorded)
    origins = []
    for each in nearest:
        source = template.find(each)
        search = _Search(scratch, source, questions.load(source.config), folder_name, files, names)
        origins.append(search.origin(stated))
    return max(origins, key=lambda origin: origin.likeness.score)


def _nearest(names: frozenset[str], texts: Mapping[str, str], recorded: str) -> tuple[str, ...]:
    """The release that has most of the files, or where nearly all are edited, of their lines.

    Releases that differ in nothing but what the answers fill in have as many: then all of them.
    """
    known = evidence.contents()
    found = evidence.likeness(names, known)
    best = _most(found, recorded)
    if best and found[best] * _NEEDED >= len(known[best]):
        alike_in_files = (each for each in known if known[each] == known[best] and each != best)
        return (best, *alike_in_files)
    alike = evidence.lines_alike(texts.values()) if known else {}
    nearest = _most(alike, recorded)
    own = sum(1 for text in texts.values() for _ in evidence.telling_lines(text))
    if nearest and alike[nearest] * _NEEDED >= max(own, 1):
        return (nearest,)
    raise Refused(
        Said("These files come from no template of Headstart that is known here."),
        why=(
            Said(
                "the nearest is {best}: {found} of its {all} files are here",
                best=best,
                found=found[best],
                all=len(known[best]),
            )
            if best
            else Said("this package has no release"),
        ),
        next=(
            Said("a newer headstart has newer ones; or name it: headstart link --version 0.1.0"),
        ),
    )


def _most(found: Mapping[str, int], recorded: str) -> str:
    """The release with most; of several the recorded one, else the newest."""
    order = {version: number for number, version in enumerate(found)}
    return max(found, key=lambda v: (found[v], v == recorded, order[v]), default="")


# -- the answers -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Search:
    """The search for answers: a template's questions, and the project's files."""

    scratch: ScratchRepository
    source: Template
    asked: Questionnaire
    folder_name: str
    files: Tree
    names: Names

    def origin(self, stated: ProvidedAnswers) -> ProjectOrigin:
        """The best answers of this template, and how like the project it is with them."""
        answers = self.answers(stated)
        tree = rendered(self.scratch, self.source, answers)
        text = self.scratch.texts(tree, [answers_file.ANSWERS])[answers_file.ANSWERS]
        return ProjectOrigin(self.source, answers, self.likeness(tree), text)

    def answers(self, stated: ProvidedAnswers) -> Answers:
        """The answers with which the template renders what is most like the project."""
        given = {name: each for name, each in stated.items() if each.source != "recorded"}
        provided = self._usable(stated)
        provided = {**provided, **self._texts(provided), **given}
        provided = self._choices(provided, given)
        provided = {**provided, **self._texts(provided), **given}
        return self._resolve(provided).usable()

    def likeness(self, tree: Tree) -> Likeness:
        """How like the project a render is."""
        made = evidence.text_names(self.scratch, tree)
        made.pop(answers_file.ANSWERS, None)
        there = made.keys() & self.names.keys()
        edited = [path for path in there if made[path] != self.names[path]]
        before, now = (self.scratch.texts(each, edited) for each in (tree, self.files))
        kept = sum(_share_of_lines(before[path], now[path]) for path in before.keys() & now.keys())
        return Likeness(len(there) - len(edited), len(edited), len(made) - len(there), kept)

    def _resolve(self, provided: ProvidedAnswers) -> Answers:
        return resolve(self.asked, provided, folder_name=self.folder_name)

    def _usable(self, stated: ProvidedAnswers) -> dict[str, SourcedValue]:
        """What was stated, without what is recorded and cannot be."""
        broken = {problem.name for problem in self._resolve(stated).problems}
        return {
            name: each
            for name, each in stated.items()
            if name not in broken or each.source != "recorded"
        }

    def _score(self, provided: ProvidedAnswers) -> float:
        answers = self._resolve(provided)
        if answers.problems or any(answer.breaks for answer in answers.all):
            return -len(self.names)
        return self.likeness(rendered(self.scratch, self.source, answers)).score

    # Texts.

    def _texts(self, provided: ProvidedAnswers) -> dict[str, SourcedValue]:
        """The texts among the answers, read back from the lines of the project."""
        marks = dict(self._marks(provided))
        if not marks:
            return {}
        marked = {name: SourcedValue(mark, FOUND) for name, mark in marks.items()}
        tree = rendered(self.scratch, self.source, self._resolve({**provided, **marked}))
        paths = [path for path in tree if path != answers_file.ANSWERS]
        made, here = (self.scratch.texts(each, paths) for each in (tree, self.files))
        votes: dict[str, Counter[str]] = {name: Counter() for name in marks}
        for path in made.keys() & here.keys():
            for name, value in read_back(made[path], here[path], marks):
                votes[name][value] += 1
        return {
            name: SourcedValue(value, FOUND)
            for name, counted in votes.items()
            for value in self._valid(provided, name, counted)
        }

    def _valid(
        self, provided: ProvidedAnswers, name: str, counted: Counter[str]
    ) -> Iterator[Value]:
        """The value with most votes that keeps the question's rules, if that is another."""
        now = {answer.question.name: answer.value for answer in self._resolve(provided).all}
        for value, _ in counted.most_common():
            if value == now[name]:
                return
            if not self._resolve({**provided, name: SourcedValue(value, FOUND)}).problems:
                yield value
                return

    def _marks(self, provided: ProvidedAnswers) -> Iterator[tuple[str, str]]:
        """A text for each question that asks for one, which stands nowhere else in a render."""
        numbers = count(1)
        for answer in self._resolve(provided).all:
            question = answer.question
            if answer.applies and question.type == "str" and not question.choices:
                for mark in _candidates(next(numbers), str(answer.value)):
                    if not self._resolve(
                        {**provided, question.name: SourcedValue(mark, "")}
                    ).problems:
                        yield question.name, mark
                        break

    # Choices.

    def _choices(
        self, provided: ProvidedAnswers, given: ProvidedAnswers
    ) -> dict[str, SourcedValue]:
        """Change one choice after the other, wherever a render becomes more like the project.

        In turns until none does: one may only be changed once another has been.
        """
        asked = [each for each in self.asked.questions if each.name not in given]
        choices = [(question, choice) for question in asked for choice in _values(question)]
        found, best, in_vain = dict(provided), self._score(provided), 0
        for question, choice in cycle(choices):
            if in_vain == len(choices):
                break
            value = self._changed(question, choice, found)
            tried = {**found, question.name: SourcedValue(value, FOUND)}
            in_vain += 1
            if (score := self._score(tried)) > best:
                found, best, in_vain = tried, score, 0
        return found

    def _changed(self, question: Question, value: Value, found: ProvidedAnswers) -> Value:
        """Another answer: that choice, or where several are made, with it or without it."""
        if not question.multiselect:
            return value
        now = {each.question.name: each.value for each in self._resolve(found).all}
        chosen = now[question.name]
        held = chosen if isinstance(chosen, list) else []
        return [each for each in held if each != value] if value in held else [*held, value]


def _values(question: Question) -> tuple[Value, ...]:
    """What can be chosen; what follows from other answers cannot."""
    if question.type == "bool" and question.when is not False:
        return (True, False)
    return tuple(choice.value for choice in question.choices)


def read_back(made: str, here: str, marks: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Read answers back from a text: `made` is what it would be with the `marks` as answers.

    A line tells one if it says enough besides, and only one value would make it.
    """
    lines, wanted = ([line.rstrip() for line in text.splitlines()] for text in (here, made))
    for line in sorted(set(wanted)):
        held = [name for name, mark in marks.items() if mark in line]
        if len(held) != 1:
            continue
        (name,) = held
        says_enough = sum(map(str.isalnum, line.replace(marks[name], ""))) >= _TELLING
        if not says_enough and len(lines) + len(wanted) > 2:  # noqa: PLR2004 - one line each
            continue
        pattern = _pattern(line, marks[name])
        values = {match[1] for each in lines if (match := pattern.fullmatch(each))}
        if len(values) == 1:
            yield name, values.pop()


def _share_of_lines(before: str, now: str) -> float:
    """How many of the lines of both are in both, 0 to 1."""
    one, other = ({line.strip() for line in text.splitlines()} for text in (before, now))
    return len(one & other) / (len(one | other) or 1)


def _pattern(line: str, mark: str) -> re.Pattern[str]:
    """A line with a group for the mark; where the mark is again, the same is there again."""
    first, *rest = map(re.escape, line.split(mark))
    return re.compile("".join((first, "(.+?)", r"\1".join(rest))))


def _candidates(number: int, value: str) -> Iterator[str]:
    """Texts that a question may accept: a word, a folder, an address, a version like its own."""
    yield f"qz{number}x"
    yield f"~/qz{number}x"
    yield f"https://qz{number}x.example/simple/"
    if value:
        yield from (re.sub(r"\d+$", digits, value) for digits in ("97", "83", "9", "8", "7"))
        yield f"{value}.9"
