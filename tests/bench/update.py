"""What an update costs: CPU-seconds beside `copier update`, and how many git processes it starts.

`python -m tests.bench.update`: a template of 150 files, 60 of them with Jinja, in six releases; a
project of the first, with edits in a dozen files, goes to the newest. Plain Copier does the same
for an equal project, from a git repository with the same template under the same tags. The rows of
the real template go from 0.1.0 to the newest release in this package.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bootstrap.project import releases
from bootstrap.publisher import FORMER_SOURCES, SOURCE
from tests.bench.measuring import cpu_seconds, interleaved
from tests.conftest import ROOT
from tests.lifecycle.conftest import NAME, Files, Package, commit, write
from tests.project.conftest import git

ROUNDS = int(os.environ.get("ROUNDS", "3"))
BIN = Path(sys.executable).parent
FILES, RELEASES = 150, 6
QUESTIONS = NAME + "".join(
    f"answer_{number}: {{type: str, help: 'What is it?', default: 'value {number}'}}\n"
    for number in range(12)
)
NOTHING: Mapping[str, str] = {}
FILTERS = ("upper", "lower", "title", "replace('-', '_')", "capitalize")
COUNTING = """\
#!/bin/sh
echo "$@" >> {log}
exec {real} "$@"
"""


def is_template(number: int) -> bool:
    """Two files in five have Jinja in them."""
    return number % 5 < 2


def name_of(number: int) -> str:
    """Where a file of the template is."""
    return f"app/part_{number // 15}/module_{number}.py{'.jinja' if is_template(number) else ''}"


def text_of(number: int, release: int) -> str:
    """A file as a release has it: each changes one in six of them, in one place."""
    changed = sum(each % RELEASES == number % RELEASES for each in range(1, release))
    lines = [f"def function_{number}_{line}() -> int:\n    return {line}\n" for line in range(30)]
    lines[4] = f"VERSION_{number} = {changed}\n"
    if is_template(number):
        for line in range(8, 28, 4):
            word = f"{{{{ answer_{line % 12} | {FILTERS[line % len(FILTERS)]} }}}}"
            lines[line] = f'NAME_{number}_{line} = "{{{{ project_name }}}} {word}"\n'
        lines[29] = "{% if answer_1 %}\nLAST = 1\n{% else %}\nLAST = 2\n{% endif %}\n"
    return "\n".join(lines)


def release_of(release: int) -> Files:
    """All files of one release: each has one that is new, and one that is gone."""
    return {
        **{name_of(number): text_of(number, release) for number in range(release, FILES + release)},
        name_of(release - 1): None,
    }


def edit(project: Path) -> None:
    """Make the project a person's own: edits, a file that is deleted, one moved, one added."""
    package = project / "app"
    for number in range(40, 100, 5):
        path = package / f"part_{number // 15}" / f"module_{number}.py"
        path.write_text(path.read_text() + "\n\ndef mine() -> None:\n    pass\n")
    (package / "part_7/module_110.py").unlink()
    (package / "part_8/module_121.py").rename(package / "part_8/renamed.py")
    write(package / "own.py", "MINE = 1\n")
    commit(project)


@dataclass(frozen=True)
class World:
    """Where it is measured."""

    folder: Path

    def run(self, *argv: str, cwd: Path, given: Mapping[str, str] = NOTHING) -> None:
        """Run a command, which must succeed."""
        done = subprocess.run(
            argv,
            cwd=cwd,
            env={**os.environ, **given},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


@dataclass(frozen=True)
class Contestant:
    """A way to update a project: its commands, and what they are run with."""

    world: World
    start: Path
    commands: tuple[tuple[str, ...], ...]
    state: Path
    source: str = str(ROOT)
    forgetful: bool = False

    def cpu(self) -> float:
        """The CPU-seconds of one update, on a fresh copy of the project."""
        with self._copy() as project:
            return cpu_seconds(lambda: self._run(project))

    def processes(self) -> int:
        """How many git processes one update starts itself."""
        log, shims = self.world.folder / "log", self.world.folder / "shims"
        shims.mkdir(exist_ok=True)
        (shims / "git").write_text(COUNTING.format(log=log, real=shutil.which("git")))
        (shims / "git").chmod(0o755)
        log.write_text("")
        with self._copy() as project:
            self._run(project, PATH=f"{shims}:{os.environ['PATH']}")
        return len(log.read_text().splitlines())

    def _run(self, project: Path, **given: str) -> None:
        state = {"HEADSTART_STATE_DIR": str(self.state), "PYTHONPATH": self.source}
        for command in self.commands:
            self.world.run(*command, cwd=project, given=state | given)

    @contextmanager
    def _copy(self) -> Iterator[Path]:
        project = self.world.folder / "copy" / self.start.name
        shutil.copytree(self.start, project, symlinks=True)
        git("update-index", "-q", "--refresh", cwd=project)
        if self.forgetful:
            shutil.rmtree(self.state, ignore_errors=True)
        yield project
        shutil.rmtree(project.parent)


HEADSTART = (sys.executable, "-m", "bootstrap")
PREVIEW, APPLY = (*HEADSTART, "update", "--preview"), (*HEADSTART, "update")
COPIER = (str(BIN / "copier"), "update", "--defaults", "--quiet")


def made_template(world: World) -> tuple[Package, Path]:
    """The same releases twice: in a package of Headstart, and as tags of a git repository."""
    package = Package(world.folder / "headstart", questions=QUESTIONS)
    shutil.copytree(ROOT / "bootstrap", package.root / "bootstrap")
    (package.root / "bootstrap/template.bundle").unlink()
    plain = world.folder / "template"
    plain.mkdir()
    git("init", "--quiet", cwd=plain)
    for release in range(1, RELEASES + 1):
        made = package.release(f"{release}.0.0", release_of(release))
        assert made.returncode == 0, made.stderr
        _release_plain(package, plain, f"v{release}.0.0")
    return package, plain


def _release_plain(package: Package, plain: Path, tag: str) -> None:
    """The template as it is now, which plain Copier finds where this is."""
    shutil.rmtree(plain / "template", ignore_errors=True)
    shutil.copytree(package.root / "template", plain / "template")
    questions = (package.root / "copier.yml").read_text()
    for source in (SOURCE, *FORMER_SOURCES):
        questions = questions.replace(source, str(plain))
    (plain / "copier.yml").write_text(questions)
    commit(plain, tag)
    git("tag", tag, cwd=plain)


def projects(world: World, package: Package, plain: Path) -> tuple[Path, Path]:
    """The project, and its equal that plain Copier has made."""
    mine, theirs = world.folder / "one" / "shop", world.folder / "other" / "shop"
    mine.parent.mkdir()
    package.new(mine, "1.0.0")
    copy = (str(BIN / "copier"), "copy", "--defaults", "--quiet", "--vcs-ref", "v1.0.0")
    world.run(*copy, str(plain), str(theirs), cwd=world.folder)
    git("init", "--quiet", cwd=theirs)
    commit(theirs)
    for project in (mine, theirs):
        edit(project)
    return mine, theirs


def real_project(world: World) -> Path:
    """A project of the oldest release of the real template, with an edit."""
    project = world.folder / "real" / "shop"
    project.parent.mkdir()
    world.run(*HEADSTART, "new", str(project), "--defaults", "--version", "0.1.0", cwd=ROOT)
    with (project / "README.md").open("a") as readme:
        readme.write("\nOurs.\n")
    commit(project)
    return project


def real_template(world: World) -> None:
    """Let plain Copier find the released templates of this package where projects say they are."""
    plain = world.folder / "released"
    plain.mkdir()
    git("init", "--quiet", cwd=plain)
    bundle = str(ROOT / "bootstrap" / releases.BUNDLE)
    git("fetch", "--quiet", bundle, "refs/tags/*:refs/tags/*", cwd=plain)
    git("checkout", "--quiet", releases.released()[-1].tag, cwd=plain)
    for address in (SOURCE, f"{SOURCE}.git"):
        git("config", "--global", "--add", f"url.{plain}.insteadOf", address, cwd=plain)


def contestants(world: World) -> dict[str, Contestant]:
    """Every way that is compared, by what is told of it."""
    package, plain = made_template(world)
    mine, theirs = projects(world, package, plain)
    real_template(world)
    real = real_project(world)
    source, warm, empty = str(package.root), world.folder / "state", world.folder / "empty"
    both = (PREVIEW, APPLY)
    return {
        "150 files: preview, then update": Contestant(world, mine, both, warm, source),
        "150 files: the same, with nothing cached": Contestant(
            world, mine, both, empty, source, forgetful=True
        ),
        "150 files: preview alone": Contestant(world, mine, (PREVIEW,), warm, source),
        "150 files: update alone": Contestant(world, mine, (APPLY,), warm, source),
        "150 files: copier update": Contestant(world, theirs, (COPIER,), warm, source),
        "real template: preview, then update": Contestant(world, real, both, warm),
        "real template: the same, with nothing cached": Contestant(
            world, real, both, empty, forgetful=True
        ),
        "real template: copier update": Contestant(world, real, (COPIER,), warm),
    }


@contextmanager
def made_world() -> Iterator[World]:
    """A home of its own, and a git identity."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.org\n")
        own = {
            "HOME": name,
            "GIT_CONFIG_GLOBAL": f"{name}/gitconfig",
            "GIT_CONFIG_NOSYSTEM": "1",
            "COPIER_CACHE_DIR": f"{name}/copier",
            "HEADSTART_STATE_DIR": f"{name}/state",
        }
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # people have what is compiled
        os.environ.update(own)
        yield World(folder)


def main() -> None:
    """Measure, and tell."""
    with made_world() as world:
        ways = contestants(world)
        for way in ways.values():  # what is cached, and compiled, is so from here on
            way.cpu()
        counted = {what: way.processes() for what, way in ways.items()}
        measures: dict[str, Callable[[], float]] = {what: way.cpu for what, way in ways.items()}
        seen = interleaved(measures, ROUNDS)
    for what, seconds in seen.items():
        of = seen[f"{what.partition(':')[0]}: copier update"]
        processes = f"{counted[what]:4} git processes"
        print(f"{seconds:6.2f} CPU-seconds {seconds / of:5.2f} x copier {processes}  {what}")
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
