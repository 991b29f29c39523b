"""Adding and removing features: an update to the same template with other answers."""

from bootstrap.errors import UsageError
from bootstrap.project import questions, template
from bootstrap.project.answers import SourcedValue
from bootstrap.project.questions import Value
from bootstrap.project.update import Project, Target

_QUESTION = "features"


def added(project: Project, name: str) -> Target:
    """The project with that feature."""
    offered, chosen = _offered(project), _chosen(project)
    _check(project, name, offered)
    return _target(project, [*chosen, name], f"Add {name}")


def removed(project: Project, name: str) -> Target:
    """The project without that feature."""
    _check(project, name, _offered(project))
    return _target(project, [each for each in _chosen(project) if each != name], f"Remove {name}")


def _target(project: Project, names: list[Value], title: str) -> Target:
    found = template.find(project.recorded.version)
    return Target(found, {_QUESTION: SourcedValue(names, "feature")}, title)


def _offered(project: Project) -> tuple[str, ...]:
    """The features that the project's template has."""
    asked = questions.load(template.find(project.recorded.version).config).questions
    choices = [choice for each in asked if each.name == _QUESTION for choice in each.choices]
    return tuple(str(choice.value) for choice in choices)


def _chosen(project: Project) -> list[Value]:
    chosen = project.recorded.answers.get(_QUESTION)
    return list(chosen) if isinstance(chosen, list) else []


def _check(project: Project, name: str, offered: tuple[str, ...]) -> None:
    if name in offered:
        return
    version = project.recorded.version
    has = ", ".join(offered) or "no features"
    newer = ("a newer template may have it: headstart update",)
    raise UsageError(
        f"The template {version} has no feature {name}.", why=(f"it has {has}",), next=newer
    )
