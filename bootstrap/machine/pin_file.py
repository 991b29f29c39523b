"""The text of a `toolchain.yml` for what was captured."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bootstrap.files import text_of
from bootstrap.machine import surroundings, working
from bootstrap.machine.installers import LOCKS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bootstrap.machine.forms import Form


@dataclass(frozen=True)
class Head:
    """What is pinned beside packages; `version` is the installer's, `shared` where venvs are."""

    project: str
    pip: str
    shared: str
    version: str


def text(root: Path, head: Head, form: Form, venv: Path | None) -> str:
    place = (
        f"  layout: shared\n  root: {head.shared}\n" if head.shared else "  layout: in-project\n"
    )
    packages = "".join(f"  {line}\n" for line in _packages(form, head.version))
    return (
        f'version: 1\nproject: {head.project}\npip: "{head.pip}"\nvenv:\n{place}'
        f"packages:\n{packages}{''.join(_surroundings(root, form, venv))}"
    )


def _packages(form: Form, version: str) -> Iterator[str]:
    """A lock that only its tool reads leaves the project to that tool."""
    yield f"installer: {form.installer}"
    yield f"lock: {form.lock}"
    if version:
        yield f'version: "{version}"'
    if form.lock in LOCKS:
        yield from [f"groups: [{', '.join(form.groups)}]"] if form.groups is not None else []
        return
    if not form.hashed:
        yield "hashes: none"
    if form.installable:
        yield "project: editable"
    if form.installable or "pyproject.toml" in form.lists:
        named = {"extras": form.extras, "groups": form.groups or ()}
        yield from (f"{key}: [{', '.join(each)}]" for key, each in named.items() if each)
    if form.lists:
        yield f"sources: [{', '.join(form.lists)}]"


def _surroundings(root: Path, form: Form, venv: Path | None) -> Iterator[str]:
    if example := surroundings.dotenv_example(root):
        yield f"environment:\n  file: .env\n  example: {example}\n"
    if urls := surroundings.services(root):
        yield "services:\n" + "".join(f"  - {url}\n" for url in urls)
    if folder := surroundings.migrations(root):
        command = "python -m alembic upgrade head"
        yield f"migrations:\n  command: {command}\n  versions: {folder}\n"
    if _uses_pytest(root, form, venv):
        yield "# The tests can be run; `python -m pytest -q` here would demand that they pass.\n"
        yield "proof:\n  - python -m pytest --collect-only -q\n"


def _uses_pytest(root: Path, form: Form, venv: Path | None) -> bool:
    """Whether pytest will be there: by the venv, else by what names it."""
    if not surroundings.has_tests(root):
        return False
    if venv and len(has := working.packages(venv)) > 1:
        return "pytest" in {each.name for each in has}
    if form.lock in LOCKS:
        named = r"""(?m)^name = "pytest"$|^\s*"pytest": \{|^pytest = """
        return bool(re.search(named, text_of(root / form.lock) + text_of(root / "Pipfile")))
    files = (*form.sources, *form.lists, form.lock, "setup.cfg")
    texts = [*form.lines, *(text_of(root / name) for name in files if name)]
    return any(re.search(r"""(?m)(?:^|["'\s])pytest\b""", text) for text in texts)
