"""Render a template as Copier does, to the same bytes and modes, but without Copier.

Most files of a template are taken as they are. Jinja renders the others, all names, and `_exclude`:
with Copier's options, filters and context. `unknown` says what a template needs of Copier itself.
"""

import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import NamedTuple
from unicodedata import normalize

from jinja2 import (
    FunctionLoader,
    StrictUndefined,
    Template,
    TemplateNotFound,
    TemplateSyntaxError,
    Undefined,
    nodes,
)
from jinja2.sandbox import SandboxedEnvironment

from bootstrap import versions
from bootstrap.project.answers import Answers
from bootstrap.project.answers_file import ANSWERS
from bootstrap.project.objects import Tree, TreeEntry
from bootstrap.project.questions import Value
from bootstrap.publisher import SOURCE

COPIER = (9, 19)  # what is done here is what this one does

# Settings that change no render: nothing is asked, told, updated or there before.
_IDLE = frozenset(
    {
        *("_min_copier_version", "_skip_if_exists", "_migrations", "_preserve_symlinks"),
        *("_message_before_copy", "_message_after_copy"),
        *("_message_before_update", "_message_after_update"),
    }
)
_HEEDED = frozenset(
    {*("_subdirectory", "_templates_suffix", "_envops", "_exclude"), "_secret_questions"}
)
_UNDEFINED: dict[Value, type[Undefined]] = {
    "jinja2.Undefined": Undefined,
    "jinja2.StrictUndefined": StrictUndefined,
}
_OPTIONS = frozenset({"undefined", "trim_blocks", "lstrip_blocks", "keep_trailing_newline"})
# What Copier lets templates know besides the answers. Of `_copier_conf` there is `answers_file`.
_OF_COPIER = frozenset(
    {
        *("_copier_operation", "_copier_phase", "_copier_python", "_external_data"),
        *("_src_path", "_commit", "_folder_name", "now", "make_secret", "pathjoin"),
    }
)
# What Copier says to rules of exclusion, and only to them.
_OPERATION = {"_copier_operation": "copy"}
_NAMING = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
_LINES = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class TemplateFiles:
    """A template's files by path, and how each is read; a blob's id is empty where it has none."""

    entries: Tree
    read: Callable[[str], bytes]


class RenderedFile(NamedTuple):
    """A file of a render: its mode, where it is from, and its content if that was rendered."""

    mode: str
    source: str
    content: bytes | None


@dataclass(frozen=True)
class Renderer:
    """Renders one template: the content of its `copier.yml`, and its files."""

    document: Mapping[str, Value]
    files: TemplateFiles
    _parsed: dict[str, nodes.Template] = field(default_factory=dict)

    # -- what is not known here --------------------------------------------------------------------

    @cached_property
    def unknown(self) -> str:
        """What only Copier can do with this template; empty if it is not needed."""
        return next(self._unknown(), "")

    def _unknown(self) -> Iterator[str]:
        yield from _unknown_settings(self.document)
        for path, entry in self.files.entries.items():
            yield from _unknown_file(path, entry, self._suffix)
        names = {part for path in self._below for part in path.split("/") if "{" in part}
        try:
            for path in self._below:
                if path.endswith(self._suffix):
                    yield from self._unknown_in(self._text(path), frozenset({path}))
            for text in names:
                yield from self._unknown_in(self._environment.parse(text), frozenset())
            for text in self._rules:
                rule = self._environment.parse(text)
                yield from self._unknown_in(rule, frozenset(), _OPERATION.keys())
        except (TemplateSyntaxError, TemplateNotFound, UnicodeDecodeError) as error:
            yield f"it has a mistake: {error}"

    def _unknown_in(
        self, text: nodes.Template, above: frozenset[str], said: Collection[str] = ()
    ) -> Iterator[str]:
        """What of a text is not known here, but for what is `said` where it stands."""
        of_copier = _OF_COPIER.difference(said)
        asked = [each for each in text.find_all(nodes.Getattr) if each.attr == "answers_file"]
        known = {id(each.node) for each in asked}
        for name in text.find_all(nodes.Name):
            if name.name in of_copier or (name.name == "_copier_conf" and id(name) not in known):
                yield f"{name.name} is Copier's"
        if any(each.name == "to_json" for each in text.find_all(nodes.Filter)):
            yield "to_json is Copier's"
        for other in text.find_all(_NAMING):
            named = getattr(other, "template", None)
            path = named.value if isinstance(named, nodes.Const) else None
            if not isinstance(path, str) or path not in self.files.entries or path in above:
                yield "a computed name, or none of a file, is included"
            else:
                yield from self._unknown_in(self._text(path), above | {path})

    # -- rendering ---------------------------------------------------------------------------------

    def render(self, answers: Answers, version: str) -> dict[str, RenderedFile] | None:
        """The files of the project by path; None if it takes Copier to say what is wrong."""
        context = self._context(answers, version)
        made: dict[str, RenderedFile] = {}
        excluded = self._excluded(context)
        for path in self._below:
            target = self._target(path, context)
            if target is None or excluded(target):
                continue
            if target in made or not _is_plain(target):
                return None
            content = self._content(path, context) if path.endswith(self._suffix) else None
            made[target] = RenderedFile(self.files.entries[path].mode, path, content)
        folders = {str(folder) for path in made for folder in PurePosixPath(path).parents}
        return None if folders & made.keys() else made

    def _target(self, path: str, context: Mapping[str, object]) -> str | None:
        """Where a file goes; None if it goes nowhere."""
        if f"{path}{self._suffix}" in self.files.entries:
            return None
        relative = path.removeprefix(f"{self.document['_subdirectory']}/")
        is_template = relative.endswith(self._suffix)
        parts = [self._name(p, context) for p in relative.removesuffix(self._suffix).split("/")]
        target = "/".join(parts)
        hidden = not is_template and f"{target}{self._suffix}" in self.files.entries
        return None if hidden or not all(parts) else target

    def _name(self, part: str, context: Mapping[str, object]) -> str:
        return self._environment.from_string(part).render(context) if "{" in part else part

    def _content(self, path: str, context: Mapping[str, object]) -> bytes:
        code = self._environment.compile(self._text(path), path, path)
        template = Template.from_code(self._environment, code, self._environment.make_globals(None))
        return template.render(context).encode()

    def _excluded(self, context: Mapping[str, object]) -> Callable[[str], bool]:
        from pathspec import PathSpec  # noqa: PLC0415  (only where something is rendered)

        said = {**context, **_OPERATION}
        rules = (self._environment.from_string(rule).render(said) for rule in self._rules)
        lines = (line for rule in rules for line in _LINES.split(rule))
        spec = PathSpec.from_lines("gitignore", (normalize("NFD", line) for line in lines))
        return spec.match_file

    def _context(self, answers: Answers, version: str) -> dict[str, object]:
        secret = _texts(self.document.get("_secret_questions"))
        remembered = {
            each.question.name: each.value
            for each in answers.all
            if each.applies and not each.question.secret and each.question.name not in secret
        }
        return {
            **answers.values,
            "_template_version": version,
            "_copier_answers": {"_src_path": SOURCE, **remembered},
            "_copier_conf": {"answers_file": PurePosixPath(ANSWERS)},
        }

    @cached_property
    def _environment(self) -> SandboxedEnvironment:
        stated = self.document.get("_envops")
        options = dict(stated) if isinstance(stated, dict) else {}
        undefined = _UNDEFINED[options.pop("undefined", "jinja2.Undefined")]
        given = {"keep_trailing_newline": True, **options}
        extensions = ["jinja2_ansible_filters.AnsibleCoreFiltersExtension"]
        loader = FunctionLoader(lambda path: self.files.read(path).decode())
        return SandboxedEnvironment(
            loader=loader, extensions=extensions, undefined=undefined, **given
        )

    def _text(self, path: str) -> nodes.Template:
        """A file as Jinja understands it."""
        if path not in self._parsed:
            text = self.files.read(path).decode()
            self._parsed[path] = self._environment.parse(text, path, path)
        return self._parsed[path]

    @property
    def _below(self) -> tuple[str, ...]:
        """The files that may become some of the project."""
        folder = f"{self.document['_subdirectory']}/"
        return tuple(path for path in self.files.entries if path.startswith(folder))

    @property
    def _suffix(self) -> str:
        return str(self.document.get("_templates_suffix", ".jinja"))

    @property
    def _rules(self) -> tuple[str, ...]:
        return _texts(self.document.get("_exclude"))


def _unknown_settings(document: Mapping[str, Value]) -> Iterator[str]:
    for name, value in document.items():
        if name.startswith("_") and value and name not in _IDLE | _HEEDED:
            yield f"{name} is Copier's"
    options = document.get("_envops") or {}
    known = {
        "_min_copier_version": _version(document.get("_min_copier_version", "9")) <= COPIER,
        "_subdirectory": _matches(r"[\w.-]*\w", document.get("_subdirectory")),
        "_templates_suffix": _matches(r"\.\w+", document.get("_templates_suffix", ".jinja")),
        "_envops": isinstance(options, dict)
        and options.keys() <= _OPTIONS
        and options.get("undefined", "jinja2.Undefined") in _UNDEFINED,
        "_exclude": _is_texts(document.get("_exclude") or []),
        "_secret_questions": _is_texts(document.get("_secret_questions") or []),
    }
    yield from (f"{name} is something else" for name, right in known.items() if not right)


def _unknown_file(path: str, entry: TreeEntry, suffix: str) -> Iterator[str]:
    *folders, name = path.split("/")
    if not entry.is_plain:
        yield f"{path} is no file"
    if name == suffix or any(folder.endswith(suffix) for folder in folders):
        yield f"{path} is called like a template, and is none"
    if name.removesuffix(suffix) == ".gitattributes":
        yield f"{path} may change the others when they are added"


def _version(stated: Value) -> tuple[int, ...]:
    return versions.numbers(str(stated))[:2] or (sys.maxsize,)


def _matches(pattern: str, stated: Value) -> bool:
    return isinstance(stated, str) and bool(re.fullmatch(pattern, stated))


def _texts(stated: Value) -> tuple[str, ...]:
    return tuple(map(str, stated)) if isinstance(stated, list) else ()


def _is_texts(stated: Value) -> bool:
    return isinstance(stated, list) and all(isinstance(each, str) for each in stated)


def _is_plain(target: str) -> bool:
    """Whether it is a path as it seems, inside, and not the answers' at another place."""
    path = PurePosixPath(target)
    odd = {"..", ".git"} & {*path.parts} or (ANSWERS in path.parts and target != ANSWERS)
    return str(path) == target and not path.is_absolute() and not odd
