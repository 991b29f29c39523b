"""Our renderer gives Copier's bytes and modes, and leaves to Copier what it does not know."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from bootstrap.project import questions, releases, renders, template
from bootstrap.project.answers import Answers, SourcedValue, resolve
from bootstrap.project.objects import TreeEntry
from bootstrap.project.questions import Value
from bootstrap.project.renderer import Renderer, TemplateFiles
from bootstrap.project.template import Template
from tests.project.conftest import REPOSITORY, tree
from tests.rendered.matrix import FEATURE, SAMPLES, Matrix, Row

VERSIONS = [*(each.version for each in releases.released()), "HEAD"]
# What Copier needs to know of a template; each test changes one thing.
PLAIN: Mapping[str, Value] = {
    "_min_copier_version": "9.19.0",
    "_subdirectory": "template",
    "_templates_suffix": ".jinja",
    "_envops": {"undefined": "jinja2.StrictUndefined", "keep_trailing_newline": True},
}


def answers_of(found: Template, row: Row) -> Answers:
    plain = {name: value for name, value in row.items() if not name.startswith(FEATURE)}
    given: dict[str, Value] = {name: value for name, value in plain.items() if value is not None}
    chosen: list[Value] = [
        name.removeprefix(FEATURE) for name, yes in row.items() if yes and name.startswith(FEATURE)
    ]
    if plain.keys() < row.keys():
        given["features"] = chosen
    provided = {name: SourcedValue(value, "row") for name, value in given.items()}
    return resolve(questions.load(found.config), provided, folder_name="shop").usable()


def check_rows(version: str, folder: Path, every: int) -> None:
    found = template.find(version)
    rows = Matrix(questions.load(found.config), SAMPLES).rows
    for number, row in list(enumerate(rows))[::every]:
        answers = answers_of(found, row)
        ours, theirs = folder / f"ours-{number}", folder / f"theirs-{number}"
        with renders._files_of(found) as source:
            assert renders._made(found, source, answers) is not None
        renders.render(found, answers, ours)
        renders._render_by_copier(found, answers, theirs)
        assert tree(ours) == tree(theirs), row


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_a_render_is_as_copier_makes_it(version: str, tmp_path: Path) -> None:
    check_rows(version, tmp_path, every=6)


@pytest.mark.nightly
@pytest.mark.parametrize("version", VERSIONS)
def test_every_row_is_as_copier_renders_it(version: str, tmp_path: Path) -> None:
    check_rows(version, tmp_path, every=1)


# -- what is left to Copier ------------------------------------------------------------------------


def unknown(files: Mapping[str, str], **settings: Value) -> str:
    """What only Copier can do with those files and settings; a mode may follow a path."""
    entries, texts = {}, {}
    for stated, text in files.items():
        path, _, mode = stated.partition(":")
        entries[f"template/{path}"] = TreeEntry(mode or "100644", "")
        texts[f"template/{path}"] = text
    source = TemplateFiles(entries, lambda path: texts[path].encode())
    return Renderer({**PLAIN, **settings}, source).unknown


@pytest.mark.parametrize(
    "files",
    [
        {"a.txt": "{% yield", "b.txt.jinja": "{{ name }} {% if x %}{% endif %}\n"},
        {"{% if x %}a{% endif %}/{{ name | lower }}.sh:100755": ""},
        {"{{_copier_conf.answers_file}}.jinja": "{{ _copier_answers | to_nice_yaml }}"},
        {"lock.jinja": '{% include "template/lock" %}', "lock": "{{ name }}"},
        {"a.jinja": '{% import "template/m.jinja" as m %}', "m.jinja": "{% set now_on = 1 %}"},
    ],
)
def test_what_needs_no_copier(files: Mapping[str, str]) -> None:
    assert unknown(files) == ""


@pytest.mark.parametrize(
    "files",
    [
        {"a.jinja": "{% yield each from names %}{{ each }}{% endyield %}"},
        {"{% yield each from names %}{{ each }}{% endyield %}": ""},
        {"a.jinja": "{% if %}"},
        {"{{ a": ""},
        {"a.jinja": "{{ now() }}"},
        {"a.jinja": "{{ _copier_conf.src_path }}"},
        {"a.jinja": "{% set conf = _copier_conf %}{{ conf.os }}"},
        {"{{ _folder_name }}": ""},
        {"a.jinja": "{{ _copier_python }}"},
        {"a.jinja": "{{ pathjoin('a', 'b') }}"},
        {"a.jinja": "{{ name | to_json }}"},
        {"a.jinja": "{% include name %}"},
        {"a.jinja": '{% include "template/none" %}'},
        {"a.jinja": '{% include "template/b" %}', "b": "{{ make_secret() }}"},
        {
            "a.jinja": '{% include "template/b.jinja" %}',
            "b.jinja": '{% include "template/a.jinja" %}',
        },
        {"link:120000": "a"},
        {"module:160000": ""},
        {"folder.jinja/a": ""},
        {"a/.jinja": ""},
        {".gitattributes": "* text=auto"},
        {"a/.gitattributes.jinja": "* text=auto"},
    ],
)
def test_files_that_are_left_to_copier(files: Mapping[str, str]) -> None:
    assert unknown(files) != ""


@pytest.mark.parametrize(
    "settings",
    [
        {"_tasks": ["true"]},
        {"_jinja_extensions": ["jinja2_time.TimeExtension"]},
        {"_external_data": {"other": "answers.yml"}},
        {"_answers_file": ".answers.yml"},
        {"_of_a_copier_to_come": True},
        {"_min_copier_version": "9.20.0"},
        {"_min_copier_version": "10"},
        {"_subdirectory": "{{ name }}"},
        {"_subdirectory": ""},
        {"_templates_suffix": ""},
        {"_templates_suffix": ".tar.jinja"},
        {"_envops": {"undefined": "copier.Undefined"}},
        {"_envops": {"block_start_string": "[%"}},
        {"_exclude": "*.pyc"},
        {"_exclude": ["{% if _copier_phase == 'render' %}a{% endif %}"]},
    ],
)
def test_settings_that_are_left_to_copier(settings: dict[str, Value]) -> None:
    assert unknown({"a.txt": ""}, **settings) != ""


def test_settings_that_change_no_render() -> None:
    settings: dict[str, Value] = {
        "_tasks": [],
        "_skip_if_exists": ["a.txt"],
        "_message_after_copy": "Done.",
        "_exclude": ["*.pyc", "{% if name and _copier_operation == 'copy' %}\n/a\n{% endif %}"],
    }
    assert unknown({"a.txt": ""}, **settings) == ""


QUESTIONS = """\
_subdirectory: template
_templates_suffix: .jinja
_envops: {{undefined: {undefined}}}
_exclude: {exclude}
_secret_questions: [token]
_skip_if_exists: [a.txt]
name: {{type: str, help: '?', default: Größe 大}}
token: {{type: str, help: '?', default: t}}
hidden: {{type: str, when: false, default: h}}
some: {{type: yaml, help: '?', default: '{{a: [1, two]}}'}}
"""
ODD = {
    "{{ name }}/{% if hidden %}in{% endif %}.txt": "as it is {{ name }}\r\n",
    "{% if not hidden %}gone{% endif %}/b.txt": "nowhere\n",
    "a.txt": "hidden by its template\n",
    "a.txt.jinja": "{{ name }}\r\n{{ some.a[1] }}\r{# no #}\n\n",
    "{{ name }}.md": "hidden, for a template is called like it when rendered",
    "crlf.jinja": "{% for n in some.a %}\r\n{{ n }}\r\n{% endfor %}",
    "run.sh.jinja": "#!/bin/sh",
    "deep/er/x.pyc": "excluded",
    "deep/er/y": "",
    "yes/excluded/z": "",
    "bin": "\x00\x01",
    "{{_copier_conf.answers_file}}.jinja": "{{ dict(_copier_answers, _src_path=1)|to_nice_yaml }}",
    "e.jinja": "{{ _template_version }} {{ 'ab' | regex_replace('a', 'c') }} {{ name | hash }}",
}


@pytest.mark.parametrize("undefined", ["jinja2.Undefined", "jinja2.StrictUndefined"])
@pytest.mark.parametrize(
    "exclude", [[], ["*.pyc", "excluded/", "{% if name %}\n/deep/er\n{% endif %}"]]
)
def test_an_odd_template_is_rendered_as_by_copier(
    undefined: str, exclude: list[str], tmp_path: Path
) -> None:
    root = tmp_path / "source"
    for name, text in ODD.items():
        path = root / "template" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    (root / "template/run.sh.jinja").chmod(0o755)
    stated = QUESTIONS.format(undefined=undefined, exclude=json.dumps(exclude))
    (root / "copier.yml").write_text(stated)
    found = Template(root, "v1.0.0", released=False)
    answers = answers_of(found, {})
    with renders._files_of(found) as source:
        assert Renderer(questions.document(found.config), source).unknown == ""
        assert renders._made(found, source, answers) is not None
    renders.render(found, answers, tmp_path / "ours")
    renders._render_by_copier(found, answers, tmp_path / "theirs")
    assert tree(tmp_path / "ours") == tree(tmp_path / "theirs")
    assert os.access(tmp_path / "ours/run.sh", os.X_OK)


@pytest.mark.parametrize(
    "files",
    [
        {"{{ name }}": "1", "x": "2"},
        {"{{ name }}": "1", "x/y": "2"},
        {"{{ '..' }}/a": "1"},
        {"a/{{ '.copier-answers.yml' }}": "1"},
        {"a.jinja": "{{ nobody.knows }}"},
        {"a.jinja": "{{ 1 / 0 }}"},
    ],
)
def test_what_goes_wrong_is_left_to_copier(files: Mapping[str, str], tmp_path: Path) -> None:
    for name, text in files.items():
        path = tmp_path / "template" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    stated = "_subdirectory: template\nname: {type: str, help: '?', default: x}\n"
    (tmp_path / "copier.yml").write_text(stated)
    found = Template(tmp_path, "v1.0.0", released=False)
    with renders._files_of(found) as source:
        assert renders._made(found, source, answers_of(found, {})) is None


def test_the_template_here_needs_no_copier() -> None:
    here = template.from_checkout(REPOSITORY)
    with renders._files_of(here) as source:
        assert Renderer(questions.document(here.config), source).unknown == ""
