"""The template keeps the rules that let plain Copier, Headstart and old projects use it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from jinja2 import Environment, meta, nodes

from bootstrap.project.answers import SourcedValue, resolve
from bootstrap.project.questions import Question, Questionnaire, load
from tests.project.conftest import REPOSITORY, git, made, tree

CONFIG = REPOSITORY / "copier.yml"
COPIERS_OWN = {"_copier_answers", "_copier_conf", "_folder_name", "_template_version"}


@pytest.fixture(scope="module")
def questionnaire() -> Questionnaire:
    return load(CONFIG)


def shown(questionnaire: Questionnaire) -> list[Question]:
    return [question for question in questionnaire.questions if question.when is not False]


def template_files() -> Iterator[Path]:
    listed = git("ls-files", "-z", "--", "template", cwd=REPOSITORY)
    paths = (REPOSITORY / name for name in listed.split("\0") if name)
    return (path for path in paths if path.is_file())


def environment() -> Environment:
    return Environment(  # noqa: S701  (only parsed)
        extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"]
    )


def undeclared(text: str) -> set[str]:
    return meta.find_undeclared_variables(environment().parse(text))


def test_every_question_says_what_it_asks(questionnaire: Questionnaire) -> None:
    assert [q.name for q in shown(questionnaire) if not q.help.endswith("?")] == []


# Asks whether they are answered before they are asked: then there was an earlier render.
LATER = {"rendered_before": ("pip_version", "python_version")}


def test_a_newcomer_sees_few_questions(questionnaire: Questionnaire) -> None:
    for preset in questionnaire.presets:
        given = {"preset": SourcedValue(preset.name, "--preset")}
        asked = resolve(questionnaire, given, folder_name="shop").open
        assert len(asked) + 1 <= (14 if preset.name == "custom" else 5), preset.name
    assert questionnaire.names[0] == "preset"


def test_every_preset_says_what_it_adds(questionnaire: Questionnaire) -> None:
    assert questionnaire.presets
    assert all(preset.adds for preset in questionnaire.presets)


def test_every_preset_answers_everything_by_itself(questionnaire: Questionnaire) -> None:
    for preset in questionnaire.presets:
        given = {"preset": SourcedValue(preset.name, "--preset")}
        resolve(questionnaire, given, folder_name="shop").usable()


def test_nothing_in_the_template_needs_trust() -> None:
    unsafe = {"_tasks", "_migrations", "_jinja_extensions", "_external_data"}
    assert unsafe & yaml.safe_load(CONFIG.read_text()).keys() == set()


def test_choices_are_plain_text(questionnaire: Questionnaire) -> None:
    choices = [c for q in questionnaire.questions for c in q.choices]
    assert [c.label for c in choices if "{" in f"{c.label}{c.value}"] == []


def test_expressions_use_only_questions_asked_before(questionnaire: Questionnaire) -> None:
    known = {"_folder_name"}
    for question in questionnaire.questions:
        later = {*LATER.get(question.name, ())}
        for text in (question.when, question.ask, question.default):
            assert undeclared(str(text)) <= known | later, question.name
        known.add(question.name)
        assert undeclared(question.validator) <= known, question.name


def test_exclusions_guard_every_answer_so_that_old_projects_can_update() -> None:
    for pattern in yaml.safe_load(CONFIG.read_text()).get("_exclude", []):
        parsed = environment().parse(pattern)
        names = [name.name for name in parsed.find_all(nodes.Name) if name.ctx == "load"]
        used = [name for name in names if not name.startswith("_copier")]
        filters = [f for f in parsed.find_all(nodes.Filter) if f.name in {"default", "d"}]
        of_names = [f.node.name for f in filters if isinstance(f.node, nodes.Name)]
        guarded = [name for name in of_names if not name.startswith("_copier")]
        assert sorted(used) == sorted(guarded), pattern


def test_exclusions_do_not_leave_empty_folders_behind() -> None:
    patterns = yaml.safe_load(CONFIG.read_text()).get("_exclude", [])
    lines = [line for pattern in patterns for line in pattern.splitlines()]
    assert [line for line in lines if line.rstrip().endswith("/")] == []


def test_files_use_only_what_is_answered(questionnaire: Questionnaire) -> None:
    known = {*questionnaire.names, *COPIERS_OWN, *environment().globals}
    for path in template_files():
        if path.suffix == ".jinja":
            used = undeclared(path.read_text(encoding="utf-8")) | undeclared(path.name)
            assert used <= known, path.relative_to(REPOSITORY)


def test_the_folder_decides_nothing_but_what_a_project_is_called(
    questionnaire: Questionnaire, tmp_path: Path
) -> None:
    """So that projects with equal answers share their renders, wherever they are."""
    texts = [path.read_text(encoding="utf-8", errors="ignore") for path in template_files()]
    assert not re.search(r"_folder_name|dst_path", "".join(texts))
    using = [each.name for each in questionnaire.questions if "_folder_name" in str(each)]
    assert using == ["project_name"]
    for folder in ("one", "other"):
        made(folder, "--data", "project_name=shop", cwd=tmp_path)
    assert tree(tmp_path / "one") == tree(tmp_path / "other")


def test_texts_can_be_compiled_once() -> None:
    """Copier's `yield` sets something aside each time that it is compiled (`render.py`)."""
    tags = re.compile(r"\{%-?\s*yield\b")
    assert [path for path in template_files() if tags.search(path.name)] == []


def test_file_names_work_everywhere() -> None:
    assert [path.name for path in template_files() if '"' in path.name] == []


@pytest.mark.parametrize("preset", [preset.name for preset in load(CONFIG).presets])
def test_a_render_leaves_no_trace_of_the_template(
    questionnaire: Questionnaire, preset: str, tmp_path: Path
) -> None:
    variables = "|".join(questionnaire.names)
    made("shop", "--preset", preset, cwd=tmp_path)
    for name, (_, content) in tree(tmp_path / "shop").items():
        text = content.decode("utf-8", errors="ignore")
        of_jinja = rf"(?<!\$)\{{[{{%][^}}%]*\b({variables}|_copier_\w+)\b"  # with $ it is GitHub's
        assert not re.search(of_jinja, text), name
        assert content or name.endswith("__init__.py"), f"{name} is empty"
        assert str(tmp_path) not in text, name
        assert ".jinja" not in name
