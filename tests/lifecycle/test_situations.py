"""Every situation in which an update has lost somebody's work, or left it in doubt.

Each is one file or two of a small template at version 1.0.0, what a person did to them, and what
2.0.0 brings. `test_beside_copier.py` shows in which of them plain `copier update` loses work.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.lifecycle.conftest import Files, Package, commit, write
from tests.project.conftest import git

TEN = "".join(f"{number}\n" for number in range(1, 11))
BINARY = bytes(range(256))


def lines(**changed: str) -> str:
    """Ten lines; `_3="three"` changes the third."""
    words = {name.strip("_"): word for name, word in changed.items()}
    return "".join(f"{words.get(str(number), number)}\n" for number in range(1, 11))


class Situation:
    """A project of 1.0.0 with a person's changes, and a package that has 2.0.0."""

    def __init__(self, package: Package, folder: Path) -> None:
        self.package, self.shop = package, folder / "shop"

    def begin(self, one: Files, *data: str) -> None:
        self.package.release("1.0.0", one)
        self.package.new(self.shop, "1.0.0", *data)

    def mine(self, files: Files) -> None:
        """What the person commits: a file that is None is deleted."""
        for name, content in files.items():
            if content is None:
                (self.shop / name).unlink()
            else:
                write(self.shop / name, content)
        commit(self.shop)

    def update(self, two: Files, code: int = 0) -> dict[str, dict[str, str]]:
        """Release 2.0.0, update to it, and what is told of each file."""
        self.package.release("2.0.0", two)
        told = self.package.told("update", cwd=self.shop, code=code)
        files = told["files"]
        return {each["path"]: each for each in files if each["path"] != ".copier-answers.yml"}

    def text(self, name: str) -> str:
        return (self.shop / name).read_text()

    def status(self) -> str:
        return git("status", "--porcelain", cwd=self.shop)


@pytest.fixture
def situation(package: Package, tmp_path: Path) -> Situation:
    return Situation(package, tmp_path)


def test_an_untouched_file_is_updated_in_one_commit_of_the_user(situation: Situation) -> None:
    situation.begin({"a.txt": TEN})
    began = int(time.time())
    told = situation.update({"a.txt": lines(_3="three")})
    assert told["a.txt"]["outcome"] == "updated"
    assert situation.text("a.txt") == lines(_3="three")
    assert situation.status() == ""
    logged = git(
        "log",
        "-1",
        "--format=%an|%cn|%s|%(trailers:key=Headstart-Template)|%at|%ct",
        cwd=situation.shop,
    )
    author, committer, subject, trailer, authored, committed = logged.replace("\n", "").split("|")
    assert (author, committer) == ("Ada", "Ada")
    assert subject == "Update the template from v1.0.0 to v2.0.0"
    assert trailer == "Headstart-Template: v2.0.0"
    assert began <= int(authored) <= int(committed), "it is of now, not of the release"
    assert git("rev-list", "--count", "HEAD", cwd=situation.shop) == "2"


def test_edits_in_other_places_are_merged(situation: Situation) -> None:
    situation.begin({"a.txt": TEN})
    situation.mine({"a.txt": lines(_9="mine")})
    told = situation.update({"a.txt": lines(_2="theirs")})
    assert told["a.txt"]["outcome"] == "merged"
    assert situation.text("a.txt") == lines(_2="theirs", _9="mine")


def test_edits_in_the_same_place_are_a_conflict(situation: Situation) -> None:
    situation.begin({"a.txt": TEN, "b.txt": "b\n"})
    situation.mine({"a.txt": lines(_5="mine")})
    told = situation.update({"a.txt": lines(_5="theirs"), "b.txt": "bb\n"}, code=1)
    assert told["a.txt"]["outcome"] == "conflict"
    assert "git add a.txt" in told["a.txt"]["advice"]
    assert told["b.txt"]["outcome"] == "updated"
    assert situation.status().splitlines() == ["M  .copier-answers.yml", "UU a.txt", "M  b.txt"]
    assert "<<<<<<<" in situation.text("a.txt")
    write(situation.shop / "a.txt", lines(_5="both"))
    git("add", "a.txt", cwd=situation.shop)
    assert situation.package.told("update", "--continue", cwd=situation.shop)["commit"]
    assert situation.text("a.txt") == lines(_5="both")
    assert situation.status() == ""


def test_what_was_deleted_stays_deleted_and_that_is_told(situation: Situation) -> None:
    situation.begin({"a.txt": TEN, "b.txt": TEN, "c.txt": "c\n"})
    situation.mine({"a.txt": None, "b.txt": None})
    told = situation.update(
        {"a.txt": lines(_3="x"), "b.txt": None, "d/b.txt": TEN, "c.txt": "cc\n"}
    )
    assert told["a.txt"] | {"template": ""} == {
        "path": "a.txt",
        "template": "",
        "yours": "deleted",
        "outcome": "kept",
        "reason": "you deleted it",
    }
    assert told["d/b.txt"]["outcome"] == "kept"
    assert sorted(path.name for path in situation.shop.glob("**/*.txt")) == ["c.txt"]


def test_a_change_arrives_in_the_file_that_was_renamed(situation: Situation) -> None:
    situation.begin({"a.txt": TEN})
    situation.mine({"a.txt": None, "deep/z.txt": lines(_9="mine")})
    told = situation.update({"a.txt": lines(_2="theirs")})
    assert told["deep/z.txt"]["outcome"] == "merged"
    assert told["deep/z.txt"]["reason"] == "you moved it from a.txt"
    assert situation.text("deep/z.txt") == lines(_2="theirs", _9="mine")
    assert not (situation.shop / "a.txt").exists()


def test_an_untouched_file_that_the_template_drops_is_deleted(situation: Situation) -> None:
    situation.begin({"a.txt": TEN, "b.txt": "b\n"})
    assert situation.update({"a.txt": None})["a.txt"]["outcome"] == "deleted"
    assert not (situation.shop / "a.txt").exists()


def test_an_edited_file_that_the_template_drops_is_a_conflict(situation: Situation) -> None:
    situation.begin({"a.txt": TEN, "b.txt": "b\n"})
    situation.mine({"a.txt": lines(_9="mine")})
    told = situation.update({"a.txt": None}, code=1)
    assert told["a.txt"]["outcome"] == "conflict"
    assert told["a.txt"]["advice"] == "keep yours: git add a.txt · let it go: git rm a.txt"
    assert situation.text("a.txt") == lines(_9="mine")


def test_a_file_that_the_template_renames_keeps_its_edits(situation: Situation) -> None:
    situation.begin({"a.txt": TEN})
    situation.mine({"a.txt": lines(_9="mine")})
    told = situation.update({"a.txt": None, "b.txt": lines(_2="theirs")})
    assert told["b.txt"]["outcome"] == "moved"
    assert told["b.txt"]["reason"] == "from a.txt, with your changes"
    assert situation.text("b.txt") == lines(_2="theirs", _9="mine")
    assert not (situation.shop / "a.txt").exists()


def test_a_folder_that_the_template_moves_takes_edits_and_new_files_along(
    situation: Situation,
) -> None:
    other = "".join(f"{word}\n" for word in "abcdefghij")
    situation.begin({"old/a.txt": TEN, "old/b.txt": other})
    situation.mine({"old/a.txt": lines(_9="mine"), "old/mine.txt": "mine\n"})
    moved = {"old/a.txt": None, "old/b.txt": None, "new/a.txt": TEN, "new/b.txt": other}
    told = situation.update(moved)
    assert situation.text("new/a.txt") == lines(_9="mine")
    assert situation.text("new/mine.txt") == "mine\n"
    assert told["new/mine.txt"]["reason"] == "from old/mine.txt, with its folder"


def test_a_binary_that_only_the_user_changed_is_kept(situation: Situation) -> None:
    situation.begin({"a.bin": BINARY, "b.txt": "b\n"})
    situation.mine({"a.bin": BINARY[::-1]})
    told = situation.update({"b.txt": "bb\n"})
    assert "a.bin" not in told
    assert (situation.shop / "a.bin").read_bytes() == BINARY[::-1]


def test_a_binary_that_only_the_template_changed_is_updated(situation: Situation) -> None:
    situation.begin({"a.bin": BINARY})
    assert situation.update({"a.bin": BINARY[::-1]})["a.bin"]["outcome"] == "updated"
    assert (situation.shop / "a.bin").read_bytes() == BINARY[::-1]


def test_a_binary_that_both_changed_is_a_conflict(situation: Situation) -> None:
    situation.begin({"a.bin": BINARY})
    situation.mine({"a.bin": BINARY + b"mine"})
    told = situation.update({"a.bin": BINARY + b"theirs"}, code=1)
    assert told["a.bin"]["outcome"] == "conflict"
    assert "--theirs" in told["a.bin"]["advice"]
    assert (situation.shop / "a.bin").read_bytes() == BINARY + b"mine"


@pytest.mark.parametrize("who", ["template", "user"])
def test_the_executable_bit_arrives_and_is_kept(situation: Situation, who: str) -> None:
    situation.begin({"a.sh": TEN})
    if who == "user":
        (situation.shop / "a.sh").chmod(0o755)
        commit(situation.shop)
        situation.update({"a.sh": lines(_3="x")})
    else:
        situation.package.template({"a.sh": TEN})
        situation.package.modes["a.sh"] = 0o755
        assert situation.update({})["a.sh"]["outcome"] == "updated"
    assert os.access(situation.shop / "a.sh", os.X_OK)


def test_a_file_that_both_added_is_a_conflict_unless_it_is_the_same(situation: Situation) -> None:
    situation.begin({"a.txt": "a\n"})
    situation.mine({"b.txt": "mine\n", "c.txt": "same\n"})
    told = situation.update({"b.txt": "theirs\n", "c.txt": "same\n"}, code=1)
    assert told["b.txt"]["reason"] == "both added it"
    assert "c.txt" not in told


def test_what_is_seeded_once_is_never_touched_again(situation: Situation) -> None:
    situation.package.options = "_skip_if_exists: [notes/*.md, more.md]\n"
    situation.begin({"notes/a.md": "one\n", "b.txt": "b\n"})
    situation.mine({"more.md": "mine\n"})
    told = situation.update({"notes/a.md": "two\n", "more.md": "theirs\n", "b.txt": "bb\n"})
    assert told["notes/a.md"]["reason"] == "it was seeded once, and is yours"
    assert (situation.text("notes/a.md"), situation.text("more.md")) == ("one\n", "mine\n")
    assert situation.text("b.txt") == "bb\n"


def test_a_secret_that_git_ignores_is_untouched(situation: Situation) -> None:
    situation.begin({".gitignore": ".env\n", ".env": "SECRET=change-me\n", "b.txt": "b\n"})
    write(situation.shop / ".env", "SECRET=mine\n")
    told = situation.update({".env": "SECRET=change-me\nMORE=1\n", "b.txt": "bb\n"})
    assert told[".env"]["reason"] == "git ignores it here"
    assert situation.text(".env") == "SECRET=mine\n"
    assert git("ls-files", ".env", cwd=situation.shop) == ""


def test_lines_end_as_they_ended(situation: Situation) -> None:
    crlf = TEN.replace("\n", "\r\n").encode()
    situation.begin({"a.txt": crlf, "b.txt": TEN.rstrip("\n")})
    situation.mine({"a.txt": crlf.replace(b"9", b"nine"), "b.txt": lines(_9="nine").rstrip("\n")})
    situation.update({"a.txt": crlf.replace(b"2", b"two"), "b.txt": lines(_2="two").rstrip("\n")})
    both = lines(_2="two", _9="nine")
    assert (situation.shop / "a.txt").read_bytes() == both.replace("\n", "\r\n").encode()
    assert situation.text("b.txt") == both.rstrip("\n")


def test_a_file_that_the_user_s_own_ignore_list_names_keeps_both_edits(
    situation: Situation, home: Path
) -> None:
    (home / "ignored").write_text(".vscode/\n")
    git("config", "--global", "core.excludesFile", str(home / "ignored"), cwd=home)
    situation.begin({".vscode/a.txt": TEN})
    write(situation.shop / ".vscode/a.txt", lines(_9="mine"))
    git("commit", "--quiet", "--all", "--message", "Mine", cwd=situation.shop)
    situation.update({".vscode/a.txt": lines(_2="theirs")})
    assert situation.text(".vscode/a.txt") == lines(_2="theirs", _9="mine")


@pytest.mark.parametrize("name", ["a.toml", 'it\'s [a] "b".toml'])
def test_two_good_texts_that_merge_into_a_bad_one_are_a_conflict(
    situation: Situation, name: str
) -> None:
    one = "a = 1\n\n\n\nb = 2\n\n\n\nc = 3\n"
    situation.begin({name: one, "b.txt": "b\n"})
    situation.mine({name: "[tool.x]\nmine = 1\n" + one})
    before = situation.text(name)
    told = situation.update({name: one + "[tool.x]\ntheirs = 1\n", "b.txt": "bb\n"}, code=1)
    assert told[name]["outcome"] == "conflict"
    assert "would not be valid" in told[name]["reason"]
    assert situation.text(name) == before
    assert "UU " in situation.status()
    assert situation.text("b.txt") == "bb\n"


def test_revisions_of_both_are_brought_into_one_line(situation: Situation) -> None:
    situation.begin({"migrate/HEAD": "0001\n", "migrate/versions/1.py": "down = None\n"})
    situation.mine({"migrate/HEAD": "mine\n", "migrate/versions/mine.py": "down = '0001'\n"})
    two: Files = {"migrate/HEAD": "0002\n", "migrate/versions/2.py": "down = '0001'\n# two\n"}
    told = situation.update(two, code=1)
    rebase = "python -m migrate rebase CHERRY_PICK_HEAD && git add migrate"
    assert told["migrate/HEAD"]["advice"] == rebase
    assert git("show", "CHERRY_PICK_HEAD:migrate/HEAD", cwd=situation.shop) == "0002"


# -- locks -----------------------------------------------------------------------------------------

PYPROJECT = """\
[project]
name = "shop"
dependencies = [
    "a>=1",
    "b>=1",
]

[tool.ruff]
x = 1
"""


def test_a_lock_is_the_template_s_while_dependencies_are(situation: Situation) -> None:
    situation.begin({"pyproject.toml": PYPROJECT, "requirements.lock": "a==1\nb==1\n"})
    edited = PYPROJECT.replace("x = 1", "x = 2")
    situation.mine({"pyproject.toml": edited, "requirements.lock": "a==1\nb==1.5\n"})
    newer = PYPROJECT.replace("a>=1", "a>=2")
    told = situation.update({"pyproject.toml": newer, "requirements.lock": "a==2\nb==2\n"})
    assert situation.text("requirements.lock") == "a==2\nb==2\n"
    assert situation.text("pyproject.toml") == newer.replace("x = 1", "x = 2")
    assert told["requirements.lock"]["outcome"] == "updated"


def test_a_lock_of_other_dependencies_is_kept_and_has_to_be_made_again(
    situation: Situation,
) -> None:
    situation.begin({"pyproject.toml": PYPROJECT, "requirements.lock": "a==1\nb==1\n"})
    mine = PYPROJECT.replace('    "b>=1",\n', '    "b>=1",\n    "mine>=1",\n')
    situation.mine({"pyproject.toml": mine, "requirements.lock": "a==1\nb==1\nmine==1\n"})
    newer = PYPROJECT.replace("a>=1", "a>=2")
    told = situation.update({"pyproject.toml": newer, "requirements.lock": "a==2\nb==1\n"})
    assert told["requirements.lock"]["outcome"] == "kept"
    assert "locked again" in told["requirements.lock"]["reason"]
    assert situation.text("requirements.lock") == "a==1\nb==1\nmine==1\n"


LOCKS = {
    "pip": {"requirements.lock": "a==1\nb==1\n"},
    "poetry": {"poetry.lock": '[[package]]\nname = "a"\nversion = "1"\n'},
    "uv": {"constraints.txt": "a==1\n"},
}


@pytest.mark.parametrize(
    ("before", "after"),
    [("pip", "poetry"), ("poetry", "pip"), ("pip", "uv"), ("uv", "poetry")],
)
def test_the_locks_of_an_installer_go_with_it_whatever_is_in_them(
    situation: Situation, before: str, after: str
) -> None:
    situation.begin({"pyproject.toml": PYPROJECT, **LOCKS[before]})
    mine = PYPROJECT.replace('    "b>=1",\n', '    "b>=1",\n    "mine>=1",\n')
    own = "uv.lock" if before == "uv" else next(iter(LOCKS[before]))
    situation.mine({"pyproject.toml": mine, own: "locked again\n"})
    asked = PYPROJECT.replace("[tool.ruff]", f"[tool.{after}]")
    told = situation.update(
        {"pyproject.toml": asked, **dict.fromkeys(LOCKS[before]), **LOCKS[after]}
    )
    assert told[own]["outcome"] == "deleted"
    left = {path.name for path in situation.shop.iterdir()}
    assert left & {"requirements.lock", "poetry.lock", "constraints.txt", "uv.lock"} == {
        *LOCKS[after]
    }
    assert '"mine>=1"' in situation.text("pyproject.toml")
