"""Whether a project is laid out as the files of a resource expect it, read without running it."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from bootstrap.errors import Refused
from bootstrap.files import text_of
from bootstrap.language import Said
from bootstrap.project.resource.domain import REGISTRY
from bootstrap.project.resource.registry import with_module

_OWN = ("app", "tests")
# Without this file there are no revisions to add one to, and no tests to add some to.
_NEEDED = ("migrate/env.py", "migrate/versions", "tests/conftest.py")


def changed_registry(project: Path, module: str, version: str) -> str:
    """The text of the project's list of modules with one more; Refused where that is not known."""
    text = text_of(project / REGISTRY)
    changed = with_module(text, module) if text else None
    if changed is None:
        raise _unknown(
            [Said("{registry} has no list MODULES of plain names", registry=REGISTRY)], version
        )
    return changed


def require_layout(project: Path, files: Mapping[str, str], version: str) -> None:
    """Refuse a project that has not all that the files import."""
    missing = [name for name in _NEEDED if not (project / name).exists()]
    for path, text in files.items():
        if path.endswith(".py"):
            missing += _missing_imports(project, files, text)
    if missing:
        raise _unknown(
            [Said("{name} is not there", name=name) for name in dict.fromkeys(missing)], version
        )


def _missing_imports(project: Path, files: Mapping[str, str], text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ImportFrom) or not node.module:
            continue
        place = node.module.replace(".", "/")
        if place.partition("/")[0] not in _OWN:
            continue
        names = _names_of(project, files, place)
        for alias in node.names:
            is_module = _is_there(project, files, f"{place}/{alias.name}")
            if not is_module and alias.name not in names:
                yield f"{node.module}.{alias.name}"


def _is_there(project: Path, files: Mapping[str, str], place: str) -> bool:
    candidates = (f"{place}.py", f"{place}/__init__.py")
    return any(name in files or (project / name).is_file() for name in candidates)


def _names_of(project: Path, files: Mapping[str, str], place: str) -> set[str]:
    """What a module defines or imports at its top level."""
    candidates = (f"{place}.py", f"{place}/__init__.py")
    text = next((files[name] for name in candidates if name in files), None)
    if text is None:
        text = "".join(text_of(project / name) for name in candidates)
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return set()
    return {name for node in tree.body for name in _bound(node)}


def _bound(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.ClassDef(name) | ast.FunctionDef(name) | ast.AsyncFunctionDef(name):
            yield name
        case ast.Assign(targets):
            yield from (each.id for each in targets if isinstance(each, ast.Name))
        case ast.AnnAssign(ast.Name(name)):
            yield name
        case ast.Import(names) | ast.ImportFrom(_, names):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in names)


def _unknown(why: list[str], version: str) -> Refused:
    return Refused(
        Said("This project is laid out in a way that this headstart does not know."),
        why=(*why[:8], Said("it was generated from template {version}", version=version)),
        next=(Said("bring it to the newest template first: headstart update"),),
    )
