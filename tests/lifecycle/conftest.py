"""Packages with a small template of their own, version by version, and projects of them."""

from __future__ import annotations

import ast
import compileall
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests import forkserver
from tests.project.conftest import REPOSITORY, Run, git, home, move_in
from tests.shared import shared

__all__ = ["home"]

Files = Mapping[str, str | bytes | None]

QUESTIONS = """\
_min_copier_version: "9.19.0"
_subdirectory: template
_templates_suffix: .jinja
_envops: {undefined: jinja2.StrictUndefined, keep_trailing_newline: true}
"""
NAME = "project_name: {type: str, help: 'What is it called?', default: shop}\n"
SOURCE = "template_source: {type: str, when: false, default: gh:headstart-dev/headstart}\n"
COLOUR = "colour: {type: str, help: 'Which colour?', default: red, ask: true}\n"
ANSWERS = (REPOSITORY / "template/{{_copier_conf.answers_file}}.jinja").read_text()


TEN = "".join(f"{number}\n" for number in range(1, 11))
ONE = {"a.txt": TEN, "b.txt": "b\n", "deep/c.txt": "c\n"}
TWO = {"a.txt": TEN.replace("2\n", "two\n"), "b.txt": None, "new/d.txt": "d\n", "e.txt": "e\n"}
CONFLICTING = {**TWO, "a.txt": TEN.replace("9\n", "theirs\n")}
MINE = TEN.replace("9\n", "mine\n")


@dataclass
class Package:
    """A checkout of Headstart whose template is a handful of files."""

    root: Path
    questions: str = NAME
    options: str = ""
    files: dict[str, str | bytes] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)

    def headstart(self, *arguments: str | Path, cwd: Path, **environment: str) -> Run:
        return self._run("bootstrap", *arguments, cwd=cwd, **environment)

    def told(self, *arguments: str | Path, cwd: Path, code: int = 0) -> dict[str, Any]:
        """Run a command with --json, which must end with `code`; the document that it prints."""
        run = self.headstart(*arguments, "--json", cwd=cwd)
        assert run.returncode == code, run.stdout + run.stderr
        return last_document(run)

    def template(self, files: Files) -> None:
        """Change the template: a file that is None goes away."""
        for name, content in files.items():
            if content is None:
                self.files.pop(name, None)
            else:
                self.files[name] = content
        shutil.rmtree(self.root / "template", ignore_errors=True)
        (self.root / "copier.yml").write_text(QUESTIONS + self.options + self.questions + SOURCE)
        answers = {"{{_copier_conf.answers_file}}.jinja": ANSWERS}
        for name, content in {**self.files, **answers}.items():
            write(self.root / "template" / name, content)
            (self.root / "template" / name).chmod(self.modes.get(name, 0o644))

    def release(self, version: str, files: Files, *options: str) -> Run:
        """Change the template, and release it the way `make release` does."""
        self.template(files)
        changelog = self.root / "CHANGELOG.md"
        known = changelog.read_text() if changelog.exists() else "# Changelog\n"
        changelog.write_text(
            known.replace("# Changelog\n", f"# Changelog\n\n## {version}\n\nWhat {version} is.\n")
        )
        return self.make_release(version, *options)

    def make_release(self, *arguments: str) -> Run:
        return self._run("tests.release", *arguments, cwd=self.root)

    def _run(self, module: str, *arguments: str | Path, cwd: Path, **environment: str) -> Run:
        env = {**os.environ, "PYTHONPATH": str(self.root), **environment}
        return forkserver.of_headstart().run("-m", module, *arguments, cwd=cwd, env=env)

    def begun(self, shop: Path, make: Callable[[Package, Path], object], *stated: object) -> Path:
        """Let `make` release templates and put a project into `shop`, as `stated` for it.

        It is done for all tests that want the same, by the first; each has a copy.
        """

        def both(at: Path) -> None:
            package = bare(at / "headstart")
            make(package, at / "shop")
            (at / "package").write_text(repr(vars(package) | {"root": None}))

        made = shared((make.__module__, make.__qualname__, stated), both)
        vars(self).update(ast.literal_eval((made / "package").read_text()) | {"root": self.root})
        shutil.rmtree(self.root)
        shutil.copytree(made / "headstart", self.root, symlinks=True)
        return Path(shutil.copytree(made / "shop", shop, symlinks=True))

    def new(self, folder: Path, version: str, *data: str) -> Path:
        """A project, rendered from a released version."""
        words = [word for each in data for word in ("--data", each)]
        run = self.headstart(
            "new", folder, "--defaults", "--version", version, *words, cwd=folder.parent
        )
        assert run.returncode == 0, run.stderr
        return folder


def last_document(run: Run) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return document


@contextmanager
def lasting(folder: Path) -> Iterator[Package]:
    """A package and a home in `folder`, for more than one test."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("HEADSTART_STATE_DIR", str(folder / "state"))
        move_in(folder, monkeypatch)
        yield bare(folder / "headstart")


def write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def commit(project: Path, message: str = "Mine") -> str:
    """Commit all there is, as the user does."""
    git("add", "--all", cwd=project)
    git("commit", "--quiet", "--message", message, cwd=project)
    return git("rev-parse", "HEAD", cwd=project)


@pytest.fixture(autouse=True)
def _state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADSTART_STATE_DIR", str(shared("state", lambda _: None)))


@pytest.fixture
def package(tmp_path: Path) -> Package:
    """A package with no release yet."""
    return bare(tmp_path / "headstart")


def edited(package: Package, folder: Path, two: Files) -> Path:
    """A project of 1.0.0 with an edit, where 2.0.0 is available."""

    def make(package: Package, shop: Path) -> None:
        package.release("1.0.0", ONE)
        package.new(shop, "1.0.0")
        write(shop / "a.txt", MINE)
        commit(shop)
        package.release("2.0.0", two)

    return package.begun(folder, make, two)


@pytest.fixture
def shop(package: Package, tmp_path: Path) -> Path:
    """A project of 1.0.0 with an edit, in which 2.0.0 merges."""
    return edited(package, tmp_path / "shop", TWO)


@pytest.fixture
def torn(package: Package, tmp_path: Path) -> Path:
    """One in which both have changed one line."""
    return edited(package, tmp_path / "shop", CONFLICTING)


@pytest.fixture
def first(package: Package, tmp_path: Path) -> Path:
    """A project of 1.0.0 that has an edit, where 2.0.0 is available; alone in its folder."""
    (tmp_path / "code").mkdir()
    return edited(package, tmp_path / "code/a", TWO)


def fingerprint(project: Path) -> str:
    """A digest of the work tree and all that git keeps: index, refs, config, objects."""
    digest = hashlib.sha256()
    for path in sorted(project.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(project)).encode())
            digest.update(path.read_bytes())
            if ".git/objects" not in str(path):  # git stamps those that it meets again
                digest.update(str(path.stat().st_mtime_ns).encode())
    return digest.hexdigest()


def bare(root: Path) -> Package:
    """A package at `root` with no release yet."""
    shutil.copytree(shared("package", _compiled), root, symlinks=True)
    return Package(root)


def _compiled(root: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "template.bundle", "machine")
    shutil.copytree(REPOSITORY / "bootstrap", root / "bootstrap", ignore=ignored)
    (root / "tests").mkdir()
    for name in ("__init__.py", "release.py"):
        shutil.copy(REPOSITORY / "tests" / name, root / "tests")
    compileall.compile_dir(root, quiet=1)
    # What the commands of the machine half need stays where it is.
    (root / "bootstrap/machine").symlink_to(REPOSITORY / "bootstrap/machine")
