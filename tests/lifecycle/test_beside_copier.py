"""Where plain `copier update` loses work, and `headstart update` does not: both, side by side.

Two equal projects of 1.0.0 hold the same work of a person; one is updated by Copier, one by
Headstart. Each case says what must be there afterwards. Where Copier learns to keep it, its half of
the case fails, and the case goes.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import forkserver
from tests.lifecycle.conftest import NAME, Files, Package, commit, write
from tests.project.conftest import Run, git

pytestmark = pytest.mark.slow

BINARY = bytes(range(256))
MY_BINARY = BINARY[::-1]
TABLES = "a = 1\n\n\n\nb = 2\n\n\n\nc = 3\n"

FEATURE = "mail: {type: bool, help: 'Mail?', default: true}\n"
EXCLUDED = """\
_exclude:
  - "{% if not (mail | default(true)) %}/mail.txt{% endif %}"
"""


def ten(word: str, **changed: str) -> str:
    """Ten lines that are like no other ten; `_3="three"` changes the third."""
    return "".join(f"{changed.get(f'_{number}', word)} {number}\n" for number in range(1, 11))


def mine(word: str) -> str:
    """A person's change of the ninth."""
    return ten(word, _9="mine")


def theirs(word: str) -> str:
    """The template's change of the second."""
    return ten(word, _2="theirs")


@dataclass(frozen=True)
class Loss:
    """What the template was, what a person did, what the template becomes, and what is kept."""

    one: Files
    mine: Files
    two: Files
    kept: Callable[[Path], bool]


def _holds(name: str, *words: str) -> Callable[[Path], bool]:
    def kept(folder: Path) -> bool:
        path = folder / name
        return path.is_file() and all(word in path.read_text() for word in words)

    return kept


def _is(name: str, content: bytes) -> Callable[[Path], bool]:
    return lambda folder: (folder / name).is_file() and (folder / name).read_bytes() == content


def _is_toml(name: str) -> Callable[[Path], bool]:
    def kept(folder: Path) -> bool:
        try:
            return bool(tomllib.loads((folder / name).read_text()))
        except tomllib.TOMLDecodeError:
            return False

    return kept


LOSSES = {
    "change of a file that you renamed": Loss(
        {"was.txt": ten("was")},
        {"was.txt": None, "is.txt": mine("was")},
        {"was.txt": theirs("was")},
        _holds("is.txt", "theirs"),
    ),
    "edit of a file that is dropped": Loss(
        {"dropped.txt": ten("dropped")},
        {"dropped.txt": mine("dropped")},
        {"dropped.txt": None},
        _holds("dropped.txt", "mine"),
    ),
    "edit of a file that is renamed": Loss(
        {"named.txt": ten("named")},
        {"named.txt": mine("named")},
        {"named.txt": None, "renamed.txt": theirs("named")},
        _holds("renamed.txt", "mine", "theirs"),
    ),
    "edit, and a new file, in a folder that moves": Loss(
        {"old/a.txt": ten("a"), "old/b.txt": ten("b")},
        {"old/a.txt": mine("a"), "old/z.txt": mine("z")},
        {"old/a.txt": None, "old/b.txt": None, "new/a.txt": ten("a"), "new/b.txt": ten("b")},
        lambda folder: _holds("new/a.txt", "mine")(folder) and _holds("new/z.txt", "z")(folder),
    ),
    "binary that only you changed": Loss(
        {"mine.bin": BINARY}, {"mine.bin": MY_BINARY}, {}, _is("mine.bin", MY_BINARY)
    ),
    "binary that both changed": Loss(
        {"both.bin": BINARY * 2},
        {"both.bin": MY_BINARY * 2},
        {"both.bin": BINARY * 3},
        _is("both.bin", MY_BINARY * 2),
    ),
    "edit of a feature that is switched off": Loss(
        {"mail.txt": ten("mail")}, {"mail.txt": mine("mail")}, {}, _holds("mail.txt", "mine")
    ),
    "table that both have added": Loss(
        {"a.toml": TABLES},
        {"a.toml": f"[tool.x]\nmine = 1\n{TABLES}"},
        {"a.toml": f"{TABLES}[tool.x]\ntheirs = 1\n"},
        _is_toml("a.toml"),
    ),
    "secret that git ignores": Loss(
        {".gitignore": ".env\n", ".env": "SECRET=change-me\n"},
        {".env": "SECRET=mine\n"},
        {".env": "SECRET=change-me\nMORE=1\n"},
        _holds(".env", "mine"),
    ),
    "edit of a file that your own ignore list names": Loss(
        {".vscode/a.txt": ten("vs")},
        {".vscode/a.txt": mine("vs")},
        {},
        _holds(".vscode/a.txt", "mine"),
    ),
}


@dataclass
class Pair:
    """The same project twice: Headstart's, and one whose template Copier finds in a repository."""

    package: Package
    folder: Path

    @property
    def ours(self) -> Path:
        return self.folder / "ours/shop"

    @property
    def plain(self) -> Path:
        return self.folder / "plain/shop"

    def begin(self, one: Files, mine: Files) -> None:
        """Render 1.0.0, let a person work on it, and make the second of it."""
        self.package.questions, self.package.options = NAME + FEATURE, EXCLUDED
        self.package.release("1.0.0", {**one, "other.txt": "1\n"})
        self._publish("v1.0.0")
        self.ours.parent.mkdir()
        self.package.new(self.ours, "1.0.0")
        self.work(self.ours, mine)
        shutil.copytree(self.ours, self.plain)
        answers = self.plain / ".copier-answers.yml"
        source = answers.read_text().replace("gh:headstart-dev/headstart", str(self._source))
        write(answers, source)
        commit(self.plain)

    def work(self, shop: Path, mine: Files) -> None:
        for name, content in mine.items():
            if content is None:
                (shop / name).unlink()
            else:
                write(shop / name, content)
        git("add", "--all", cwd=shop)
        git("commit", "--quiet", "--allow-empty", "--message", "Mine", cwd=shop)

    def release(self, two: Files) -> None:
        """2.0.0 changes a file more, so that there always is an update."""
        self.package.release("2.0.0", {**two, "other.txt": "2\n"})
        self._publish("v2.0.0")

    def by_headstart(self, data: str = "mail=true") -> Run:
        return self.package.headstart("update", "--data", data, cwd=self.ours)

    def by_copier(self, data: str = "mail=true", **environment: str) -> Run:
        command = ("-m", "copier", "update", "--defaults", "--data", data)
        env = {**os.environ, **environment}
        return forkserver.of_headstart().run(*command, cwd=self.plain, env=env)

    @property
    def _source(self) -> Path:
        return self.folder / "source"

    def _publish(self, tag: str) -> None:
        """The template as Copier wants it: a repository with a tag for each version."""
        self._source.mkdir(exist_ok=True)
        shutil.rmtree(self._source / "template", ignore_errors=True)
        shutil.copytree(self.package.root / "template", self._source / "template")
        shutil.copy(self.package.root / "copier.yml", self._source)
        git("init", "--quiet", cwd=self._source)
        git("add", "--all", "--force", cwd=self._source)
        git("commit", "--quiet", "--message", tag, cwd=self._source)
        git("tag", tag, cwd=self._source)


@pytest.fixture
def pair(package: Package, tmp_path: Path) -> Pair:
    return Pair(package, tmp_path)


def test_copier_loses_what_headstart_keeps(pair: Pair, home: Path) -> None:
    (home / "ignored").write_text(".vscode/\n")
    git("config", "--global", "core.excludesFile", str(home / "ignored"), cwd=home)
    losses = LOSSES.values()
    pair.begin(_all(each.one for each in losses), _all(each.mine for each in losses))
    pair.release(_all(each.two for each in losses))
    assert pair.by_headstart("mail=false").returncode == 1  # some of it is a conflict
    assert pair.by_copier("mail=false").returncode == 0
    assert [name for name, loss in LOSSES.items() if not loss.kept(pair.ours)] == []
    assert [name for name, loss in LOSSES.items() if loss.kept(pair.plain)] == []


def _all(files: Iterable[Files]) -> Files:
    return {name: content for some in files for name, content in some.items()}


def test_copier_ends_well_with_conflicts_and_headstart_says_so(pair: Pair) -> None:
    pair.begin({"a.txt": ten("a")}, {"a.txt": mine("a")})
    pair.release({"a.txt": ten("a", _9="theirs")})
    assert pair.by_headstart().returncode == 1
    assert pair.by_copier().returncode == 0
    for shop in (pair.ours, pair.plain):
        assert git("diff", "--name-only", "--diff-filter=U", cwd=shop) == "a.txt"


def test_copier_believes_a_version_that_was_edited_and_headstart_does_not(pair: Pair) -> None:
    pair.begin({"a.txt": ten("a")}, {})
    pair.release({"a.txt": theirs("a")})
    for shop in (pair.ours, pair.plain):
        answers = shop / ".copier-answers.yml"
        write(answers, answers.read_text().replace("v1.0.0", "v2.0.0"))
        commit(shop)
    assert pair.by_copier().returncode == 0
    assert (pair.plain / "a.txt").read_text() == ten("a")  # the change of 2.0.0 will never arrive
    refused = pair.by_headstart()
    assert refused.returncode == 4
    assert "was edited by hand" in refused.stderr


KILLER = """\
#!/bin/sh
case " $* " in *" apply "*) kill -KILL "$PPID"; exit 1;; esac
exec {git} "$@"
"""


def test_copier_that_is_killed_leaves_the_template_s_files_for_yours(
    pair: Pair, tmp_path: Path
) -> None:
    """`test_update_killed.py` kills Headstart at each of its git processes."""
    pair.begin({"a.txt": ten("a")}, {"a.txt": mine("a")})
    pair.release({"a.txt": theirs("a")})
    killer = tmp_path / "bin/git"
    write(killer, KILLER.format(git=shutil.which("git")))
    killer.chmod(0o755)
    done = pair.by_copier(PATH=f"{killer.parent}:{os.environ['PATH']}")
    assert done.returncode == -9
    assert "mine" not in (pair.plain / "a.txt").read_text()
    assert "v2.0.0" in (pair.plain / ".copier-answers.yml").read_text()
