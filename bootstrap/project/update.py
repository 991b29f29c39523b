"""Updating a project: from what its answers record, to another template or other answers."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bootstrap.errors import Refused, UsageError
from bootstrap.project import (
    apply,
    attention,
    changelog,
    diffs,
    environment,
    given,
    questions,
    recorded,
    releases,
    relock,
    renders,
    rollback,
    seeds,
    tampering,
    template,
)
from bootstrap.project.answers import Answer, Answers, Given, resolve
from bootstrap.project.ask import ask_open
from bootstrap.project.attention import Attention
from bootstrap.project.changelog import Section
from bootstrap.project.diffs import Diffs
from bootstrap.project.environment import Settings
from bootstrap.project.merge import Proposal, Renders, propose
from bootstrap.project.recorded import Recorded
from bootstrap.project.repository import Repository, check_settled, locked, of_project
from bootstrap.project.template import Template
from bootstrap.project.trees import Tree, Workbench, workbench


@dataclass(frozen=True)
class Target:
    """Where an update leads: a template, and answers; `title` is the subject of its commit."""

    template: Template
    data: Given
    title: str

    @property
    def message(self) -> str:
        """What the commit of the update says; `tampering` knows it by its trailer."""
        return f"{self.title}\n\n{tampering.TRAILER}: {self.template.version}\n"


@dataclass(frozen=True)
class Update:
    """An update that could be applied: from where, to what, and what it would do."""

    before: str
    after: str
    sections: tuple[Section, ...]
    new_answers: tuple[Answer, ...]
    dropped: tuple[str, ...]
    settings: Settings
    attention: Attention
    proposal: Proposal

    @property
    def available(self) -> bool:
        """Whether it leads to another template."""
        return self.before != self.after


@dataclass(frozen=True)
class Project:
    """A project in its repository, and what it was rendered from."""

    path: Path
    repository: Repository
    recorded: Recorded


def open_project(path: Path) -> Project:
    """The project at `path`, if it is one that can be updated."""
    repository = of_project(path)
    rollback.check_finished(repository)
    return Project(path, repository, recorded.read(repository))


def target(project: Project, to: str | None, data: list[str]) -> Target:
    """Where `update --to` leads: else to the newest release.

    A project of a checkout's working tree goes on with that.
    """
    unreleased = project.recorded.number is None and template.is_checkout()
    ahead = template.locate if unreleased else template.newest
    found = template.find(to) if to else ahead()
    before = project.recorded.number
    after = releases.number(found.version)
    if before and after and after < before:
        if to is None:
            _origin(project)  # which this headstart does not have: it is older than the project
        raise Refused(
            f"The project is of {project.recorded.version} already; {found.version} is older.",
            why=("what a newer template has brought would be taken out again",),
            next=("to undo an update, revert its commit: git revert",),
        )
    title = f"Update the template from {project.recorded.version} to {found.version}"
    return Target(found, given.parse_pairs(data), title)


@contextmanager
def prepared(project: Project, to: Target, *, ask: bool) -> Iterator[tuple[Workbench, Update]]:
    """The update, with the workbench that holds its commits."""
    answers, dropped = _answers(project, to, ask=ask)
    with workbench(project.repository) as bench:
        base = rendered_base(bench, project)
        tampering.check(bench, project.recorded, base, _rendering(bench, project))
        sides = Renders(base, renders.rendered(bench, to.template, answers))
        proposal = propose(bench, seeds.marked(bench, sides, to.template), to.message)
        update = Update(
            before=project.recorded.version,
            after=to.template.version,
            sections=changelog.between(project.recorded.version, to.template.version),
            new_answers=_fresh(project.recorded, answers),
            dropped=dropped,
            settings=environment.changed(*_examples(bench, sides)),
            attention=attention.between(bench, proposal.head, proposal.merged),
            proposal=proposal,
        )
        yield bench, update


@dataclass(frozen=True)
class Brought:
    """An update that was applied: its commit, empty while conflicts are open, and its backup."""

    update: Update
    commit: str = ""
    backup: str = ""
    diffs: Diffs = diffs.NONE


def bring(project: Project, to: Target) -> Brought:
    """Apply an update: one commit, or conflicts to resolve."""
    repository = project.repository
    with locked(repository):
        rollback.check_finished(repository)
        rollback.clear_away(repository)
        relock.finish(repository)
        check_settled(repository)
        with prepared(project, to, ask=True) as (bench, update):
            if update.proposal.empty:
                return Brought(update)
            read = diffs.of_update(bench.git, update.proposal)
            begun = apply.apply(bench, update.proposal, update.before, update.after)
        commit = "" if update.proposal.conflicts else repository.head()
        return Brought(update, commit, begun.backup, read)


def difference(project: Project, to: Target, path: str) -> str:
    """What an update would do to one file, as a diff."""
    name = project.repository.prefix + path
    with prepared(project, to, ask=False) as (bench, update):
        words = ("diff-tree", "-r", "-p", "-M", update.proposal.head, update.proposal.merged)
        return bench.git(*words, "--", name)


def _rendering(bench: Workbench, project: Project) -> Callable[[Recorded], Tree]:
    return lambda earlier: rendered_base(bench, replace(project, recorded=earlier))


def rendered_base(bench: Workbench, project: Project) -> Tree:
    """What the project was rendered as."""
    origin = _origin(project)
    asked = questions.load(origin.config)
    answers = recorded.of_base(project.recorded, asked, project.path.name)
    return renders.rendered(bench, origin, answers)


def _fresh(known: Recorded, answers: Answers) -> tuple[Answer, ...]:
    return tuple(each for each in answers.shown if each.question.name not in known.answers)


def rendered_target(bench: Workbench, project: Project, to: Target) -> Tree:
    """What it would be rendered as."""
    answers, _ = _answers(project, to, ask=False)
    return renders.rendered(bench, to.template, answers)


def _origin(project: Project) -> Template:
    """The template that the project was rendered from."""
    try:
        return template.find(project.recorded.version)
    except UsageError as error:
        raise Refused(
            f"This headstart does not have {project.recorded.version}, which the project is of.",
            why=error.why,
            next=("use a headstart that is as new as the project",),
        ) from error


def _answers(project: Project, to: Target, *, ask: bool) -> tuple[Answers, tuple[str, ...]]:
    """The answers to the questions of the target: recorded, given, asked, or their defaults."""
    asked = questions.load(to.template.config)
    name = project.path.name
    stated, dropped = recorded.still_asked(project.recorded, asked, to.data, name)

    def resolved(now_given: Given) -> Answers:
        return resolve(asked, now_given, folder_name=name)

    answers = resolved(stated)
    if ask and answers.open and sys.stdin.isatty():
        from bootstrap.project.prompt import at_terminal  # noqa: PLC0415  (heavy: questionary)

        answers = ask_open(resolved, stated, at_terminal)
    return answers.usable(), dropped


def _examples(bench: Workbench, sides: Renders) -> Iterator[str]:
    """The `.env.example` of each render; empty where it has none."""
    found = [tree.get(environment.EXAMPLE) for tree in (sides.base, sides.theirs)]
    texts = bench.contents(each.blob for each in found if each)
    return (texts[each.blob].decode("utf-8", "replace") if each else "" for each in found)
