"""Two branches with a revision each meet in git; what is wrong with a graph is found at once."""

from __future__ import annotations

import subprocess

import pytest

from tests.rendered.migrate.kit import Kit
from tests.rendered.servers import program

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("migrate")]

TABLE = 'op.create_table("{}", sa.Column("id", sa.Integer, primary_key=True))'
DROP = 'op.drop_table("{}")'


def git(kit: Kit, *arguments: str, code: int = 0) -> str:
    own = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        [program("git"), *own, *arguments],
        cwd=kit.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def commit(kit: Kit, message: str) -> None:
    git(kit, "add", "-A")
    git(kit, "commit", "-qm", message)


@pytest.fixture
def branched(kit: Kit) -> Kit:
    """Main at 0002m, and a branch of two revisions on which it was merged, with the conflict."""
    (kit.folder / ".gitignore").write_text("__pycache__/\n")
    git(kit, "init", "-q")
    kit.write("0001", None, TABLE.format("one"), DROP.format("one"))
    commit(kit, "one")
    git(kit, "checkout", "-qb", "mine")
    kit.write("0002a", "0001", TABLE.format("mine"), DROP.format("mine"))
    kit.write("0003a", "0002a", TABLE.format("mine2"), DROP.format("mine2"))
    commit(kit, "mine")
    git(kit, "checkout", "-q", "main")
    kit.write("0002m", "0001", TABLE.format("theirs"), DROP.format("theirs"))
    commit(kit, "theirs")
    git(kit, "checkout", "-q", "mine")
    assert "CONFLICT (content): Merge conflict in migrate/HEAD" in git(kit, "merge", "main", code=1)
    return kit


def test_rebase_puts_mine_on_top_of_theirs(branched: Kit) -> None:
    words = branched.migrate("check", code=2)
    assert "2 heads, 0002m, 0003a" in words
    assert "2 heads" in branched.migrate("upgrade", code=3)
    branched.migrate("rebase", "main")
    assert branched.migrate("check") == "4 revisions, head 0003a\n"
    commit(branched, "merged")
    branched.migrate("upgrade")
    assert branched.tables() >= {"one", "theirs", "mine", "mine2"}
    branched.migrate("downgrade", "base")
    # The models of the project are others than these tables.
    assert "0003a up, down, up" in branched.migrate("test", "--all", code=1)


def test_merge_joins_what_shared_databases_have_both(branched: Kit) -> None:
    done = branched.run("alembic", "merge", "heads", "-m", "both")
    assert done.returncode == 0, done.stdout
    assert branched.migrate("check").startswith("5 revisions")
    branched.migrate("upgrade")
    assert branched.tables() >= {"one", "theirs", "mine", "mine2"}


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        ("versions/0002.py", '"0002"', '"0001"', "both say that they are 0001"),
        ("versions/0002.py", "'0001'", "'0000'", "builds on 0000, which is in no file"),
        ("versions/0001.py", "None\nb", "'0002'\nb", "in a circle: 0001, 0002"),
        ("versions/0002.py", "'0001'", "None", "2 heads, 0001, 0002"),
        ("versions/0002.py", 'revision = "0002"', 'revision = name("x")', "unreadable"),
        ("versions/0002.py", '"0002"', '"' + "2" * 33 + '"', "longer than 32"),
        ("HEAD", "0002", "0001", "says 0001, but the head is 0002"),
        ("HEAD", "0002", "<<<<<<< ours\n0002", "a conflict of git"),
    ],
)
def test_check_finds_each_fault_without_a_database(
    kit: Kit, file: str, old: str, new: str, fault: str
) -> None:
    kit.write("0001", None, "pass")
    kit.write("0002", "0001", "pass")
    kit.migrate("check")
    path = kit.folder / "migrate" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    assert fault in kit.migrate("check", code=2, DATABASE_URL="postgresql://nobody@127.0.0.1:1/x")
