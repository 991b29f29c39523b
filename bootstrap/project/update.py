"""Update a project: from what its answers file says, to another template or other answers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bootstrap.errors import HeadstartError, Refused, UsageError
from bootstrap.language import Said
from bootstrap.project import (
    answers_file,
    apply,
    asking,
    attention,
    changelog,
    codemods,
    diffs,
    evidence,
    kept_answers,
    masks,
    questions,
    releases,
    relock,
    rollback,
    skips,
    template,
    update_state,
)
from bootstrap.project.answers import Answer, Answers, ProvidedAnswers, SourcedValue, resolve
from bootstrap.project.answers_file import AnswersFile
from bootstrap.project.attention import Attention, SettingsChange
from bootstrap.project.changelog import Section
from bootstrap.project.commits import CommitOptions
from bootstrap.project.diffs import Diffs
from bootstrap.project.evidence import Doubt
from bootstrap.project.merge import Proposal, Renders, propose
from bootstrap.project.questions import Value
from bootstrap.project.renders import rendered
from bootstrap.project.repository import (
    TRAILER,
    Repository,
    locked,
    open_repository,
    require_clean_index,
    require_idle,
)
from bootstrap.project.revisions import VERSIONS
from bootstrap.project.tables import TableRules, arranged_tables
from bootstrap.project.template import Template
from bootstrap.project.trees import ScratchRepository, Tree, scratch_repository
from bootstrap.project.unasked import require_asked
from bootstrap.project.values import nearest
from bootstrap.terminals import can_ask


@dataclass(frozen=True)
class Project:
    """A project in its repository, and what it was rendered from."""

    path: Path
    repository: Repository
    answers_file: AnswersFile

    @property
    def version(self) -> str:
        return self.answers_file.version


@dataclass(frozen=True)
class Target:
    """Where an update leads: a template and answers; `title` is its commit's subject.

    Where a person says so, the recorded version is trusted though the files contradict it.
    """

    template: Template
    data: ProvidedAnswers
    title: str
    trust: bool = False
    tables: TableRules = field(default_factory=TableRules)

    @property
    def message(self) -> str:
        """The message of the update's commit, with the trailer that identifies it."""
        return f"{self.title}\n\n{TRAILER}: {self.template.version}\n"


@dataclass(frozen=True)
class Update:
    """An update that could be applied: from where, to what, and what it would do.

    Where there is a `doubt`, the project did not come from what is recorded.
    """

    before: str
    after: str
    sections: tuple[Section, ...]
    new_answers: tuple[Answer, ...]
    dropped: tuple[str, ...]
    settings: SettingsChange
    attention: Attention
    proposal: Proposal
    doubt: Doubt | None = None

    @property
    def available(self) -> bool:
        """Whether it leads to another template."""
        return self.before != self.after


@dataclass(frozen=True)
class PreparedUpdate:
    """An update, the scratch repository that holds its trees, and the render before it."""

    update: Update
    scratch: ScratchRepository
    base: Tree

    def diffs(self) -> Diffs:
        return diffs.update_diffs(self.scratch.git, self.update.proposal)

    def diff(self, path: str) -> str:
        """What it would do to one file of the project, as git shows it."""
        proposal = self.update.proposal
        words = ("diff-tree", "-r", "-p", "-M", proposal.head, proposal.merged)
        return self.scratch.git(*words, "--", self.scratch.repository.prefix + path)


@dataclass(frozen=True)
class AppliedUpdate:
    """An applied update: its commit (empty while conflicts are open), and its backup.

    `how` says how the commit was made, where that is worth knowing.
    """

    prepared: PreparedUpdate
    commit: str = ""
    backup: str = ""
    how: str = ""

    @property
    def update(self) -> Update:
        return self.prepared.update


def open_project(path: Path, *, to_update: bool = False) -> Project:
    """Open the project at `path`, if it can be updated.

    To update it, what is left of an interrupted update is undone first. The notes of one that git
    has undone are removed whatever it is opened for.
    """
    repository = open_repository(path)
    if to_update and update_state.underway(repository):
        with locked(repository):
            rollback.settle(repository)
    rollback.require_finished(repository)
    if update_state.underway(repository):
        with locked(repository):
            rollback.forget_undone(repository)
    try:
        return Project(path, repository, answers_file.load(repository))
    except HeadstartError:
        require_idle(repository)  # which explains the conflicts in it, for one
        raise


# -- targets ---------------------------------------------------------------------------------------


def target(project: Project, to: str | None = None, data: Sequence[str] = ()) -> Target:
    """Where `update --to` leads: else to the newest release.

    A project of a checkout's working tree goes on with that.
    """
    before = project.answers_file.number
    unreleased = before is None and template.is_checkout()
    found = template.find(to) if to else _ahead(project, unreleased=unreleased)
    after = releases.number(found.version)
    if before and after and after < before:
        if to is None:
            _origin(project)  # which this headstart does not have: it is older than the project
        raise Refused(
            Said(
                "The project has {version} already; {older} is older.",
                version=project.version,
                older=found.version,
            ),
            why=(Said("the changes of newer templates would be undone"),),
            next=(Said("to undo an update, revert its commit: git revert"),),
        )
    title = f"Update the template from {project.version} to {found.version}"
    return Target(found, asking.parse_pairs(data), title)


def _ahead(project: Project, *, unreleased: bool) -> Template:
    """The newest template that the project does not pass over; never one that is older."""
    passed = skips.skipped(project.path) - {project.answers_file.number}
    return template.locate() if unreleased else template.newest(skipped=passed)


def with_feature(project: Project, name: str) -> Target:
    """The same template, with that feature."""
    return _with_features(project, name, [*_chosen(project), name], f"Add {name}")


def without_feature(project: Project, name: str) -> Target:
    """The same template, without that feature."""
    left = [each for each in _chosen(project) if each != name]
    return _with_features(project, name, left, f"Remove {name}")


def _with_features(project: Project, name: str, chosen: list[Value], title: str) -> Target:
    found = template.find(project.version)
    asked = questions.load(found.config).questions
    switches = [each.name for each in asked if each.name == kept_answers.SAFE_MIGRATIONS]
    if name in switches:
        return Target(found, {name: SourcedValue(name in chosen, "feature")}, title)
    choices = [
        choice for each in asked if each.name == kept_answers.FEATURES for choice in each.choices
    ]
    offered = [*(str(choice.value) for choice in choices), *switches]
    if name not in offered:
        near = nearest(name, offered)
        raise UsageError(
            Said(
                "The template {version} has no feature {name}.", version=project.version, name=name
            ),
            why=(
                *((Said("did you mean {near}?", near=near),) if near else ()),
                Said("it has {features}", features=", ".join(offered) or Said("no features")),
            ),
            next=(Said("a newer template may have it: headstart update"),),
        )
    return Target(found, {kept_answers.FEATURES: SourcedValue(chosen, "feature")}, title)


def _chosen(project: Project) -> list[Value]:
    chosen = project.answers_file.answers.get(kept_answers.FEATURES)
    return chosen if isinstance(chosen, list) else []


# -- the update ------------------------------------------------------------------------------------


@contextmanager
def prepare(project: Project, to: Target, *, ask: bool = False) -> Iterator[PreparedUpdate]:
    """Prepare an update; its trees can be read while the context is open.

    `ask`: it is to be applied. Then open questions are asked, and a recorded version that the files
    contradict is refused.
    """
    recorded = project.answers_file
    with scratch_repository(project.repository) as scratch:
        doubt = evidence.doubt(scratch, recorded.version)
        if doubt and ask and not to.trust:
            raise _doubted(doubt)
        base = rendered_base(scratch, project)
        answers, dropped = _answers(scratch, project, to, base, ask=ask)
        answers_file.require_unedited(
            scratch,
            recorded,
            base,
            lambda file: rendered_base(scratch, replace(project, answers_file=file)),
        )
        theirs = rendered(scratch, to.template, answers)
        base, theirs = _with_tables(scratch, base, theirs, to.tables)
        seeded = masks.seeded_once(scratch, to.template, {**base, **theirs})
        due = codemods.codemods_between(recorded.version, to.template.version)
        proposal = propose(scratch, Renders(base, theirs, seeded, due), to.message)
        update = Update(
            before=recorded.version,
            after=to.template.version,
            sections=changelog.sections_between(recorded.version, to.template.version),
            new_answers=tuple(
                each for each in answers.shown if each.question.name not in recorded.answers
            ),
            dropped=dropped,
            settings=attention.settings_change(scratch, base, theirs),
            attention=attention.needed_attention(scratch, proposal.head, proposal.merged),
            proposal=proposal,
            doubt=doubt,
        )
        yield PreparedUpdate(update, scratch, base)


@contextmanager
def apply_update(project: Project, to: Target, options: CommitOptions) -> Iterator[AppliedUpdate]:
    """Apply an update: one commit, or conflicts to resolve.

    Its diffs can be read, and nobody else updates the project, as long as the context is open.
    """
    repository = project.repository
    with locked(repository):
        rollback.settle(repository)
        relock.finish(repository)
        require_clean_index(repository)
        with prepare(project, to, ask=True) as prepared:
            yield _applied(prepared, options)


def _with_tables(
    scratch: ScratchRepository, base: Tree, theirs: Tree, rules: TableRules
) -> tuple[Tree, Tree]:
    """The renders, with the revisions that stay or come for the sake of a feature's tables."""
    ours = scratch.project_files("HEAD")
    before, after, here = (_revision_texts(scratch, tree) for tree in (base, theirs, ours))
    found = arranged_tables(before, after, here, rules, datetime.now(UTC).date())
    stay = {path: base[path] for path in found.stay}
    like = next(iter(stay.values()), None) or next(iter(ours.values()))
    new = {path: scratch.file(text, like) for path, text in found.new.items()}
    return base, {**theirs, **stay, **new}


def _revision_texts(scratch: ScratchRepository, tree: Tree) -> dict[str, str]:
    texts = scratch.texts(tree, (path for path in tree if path.startswith(VERSIONS)))
    return {path: text.replace("\r\n", "\n") for path, text in texts.items()}


def _doubted(doubt: Doubt) -> Refused:
    return Refused(
        Said(
            "The project says it came from {recorded}, and its files that it did not.",
            recorded=doubt.recorded,
        ),
        why=(
            doubt.told,
            Said("an update from there would leave out what the template changed since"),
        ),
        next=(
            Said("look at what the files say, and record it: headstart link"),
            Said("if what is recorded is right all the same: headstart update --trust-record"),
        ),
    )


def _applied(prepared: PreparedUpdate, options: CommitOptions) -> AppliedUpdate:
    update = prepared.update
    if update.proposal.empty:
        return AppliedUpdate(prepared)
    begun, made = apply.apply(
        prepared.scratch, update.proposal, update.before, update.after, options
    )
    said = made.sentence(options) if made else ""
    return AppliedUpdate(prepared, made.id if made else "", begun.backup, said)


def rendered_base(scratch: ScratchRepository, project: Project) -> Tree:
    """Render the project as it was rendered."""
    origin = _origin(project)
    asked = questions.load(origin.config)
    answers = answers_file.base_answers(project.answers_file, asked, project.path.name)
    return rendered(scratch, origin, answers)


def rendered_target(scratch: ScratchRepository, project: Project, to: Target, base: Tree) -> Tree:
    """Render the project as the target would; `base` is how it was rendered."""
    answers, _ = _answers(scratch, project, to, base, ask=False)
    return rendered(scratch, to.template, answers)


def _origin(project: Project) -> Template:
    """The template that the project was rendered from."""
    try:
        return template.find(project.version)
    except UsageError as error:
        raise Refused(
            Said(
                "This headstart does not have {version}, the project's template.",
                version=project.version,
            ),
            why=error.why,
            next=(Said("use a headstart that is as new as the project"),),
        ) from error


def _answers(
    scratch: ScratchRepository, project: Project, to: Target, base: Tree, *, ask: bool
) -> tuple[Answers, tuple[str, ...]]:
    """The answers to the target's questions, and the names of dropped ones."""
    recorded, asked = project.answers_file, questions.load(to.template.config)
    require_asked(to.data, asked, to.template, "headstart", "update", "--to")
    name = project.path.name
    before = questions.load(_origin(project).config)
    stated, dropped = answers_file.still_asked(recorded, asked, to.data, name)
    here = scratch.project_files("HEAD").keys()
    stated = kept_answers.with_kept(stated, before, asked, base.keys(), here)
    resolve_provided = partial(resolve, asked, folder_name=name)
    answers = resolve_provided(stated)
    answers_file.require_accepted(answers, to.data, to.template.version)
    if ask and can_ask():
        return asking.ask_open(resolve_provided, stated), dropped
    return answers.usable(), dropped
