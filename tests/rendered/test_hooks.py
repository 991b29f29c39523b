"""What git runs before a commit: the parts of `make check`, each of which finds its own fault."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.conftest import headstart, rendered
from tests.rendered.gates import TYPES, run
from tests.rendered.matrix import features, only
from tests.rendered.tools import findings, yamllint

pytestmark = pytest.mark.slow

HEADSTART = str(Path(sys.executable).with_name("headstart"))
CONFIG = ".pre-commit-config.yaml"
KEY = 'AWS = "AKIA' + 'IOSFODNN7EXAMPLR"\n'
FAULTS = {
    "style": ("app/core/wide.py", '"""Wide."""\n\nx  =  1\n'),
    "types": ("app/core/wrong.py", '"""Wrong."""\n\nNUMBER: int = "one"\n'),
    "imports": ("app/core/upside_down.py", '"""Upside down."""\n\nimport app.modules.profiles\n'),
    "revisions": ("migrate/HEAD", "0009\n"),
    "secrets": ("deploy.cfg", KEY),
    "template": ("Makefile", "\n# ours\n"),
}


@pytest.fixture
def shop(tmp_path: Path, everything: Path) -> Path:
    """A project with hooks, in an environment with everything, whose hooks git runs."""
    made = rendered(tmp_path, *only("pre_commit", "safe_migrations"))
    (made / ".venv").symlink_to(everything / ".venv")
    (made / ".git/info/exclude").write_text(".venv\n")
    run([".venv/bin/python", "-m", "pre_commit", "install", "--allow-missing-config"], made)
    return made


def commit(shop: Path, **settings: str) -> tuple[int, dict[str, str], str]:
    """Commit everything: how that ends, what became of each hook, and all that was said."""
    run(["git", "add", "--all"], shop)
    command = ["git", "commit", "--quiet", "--message", "x"]
    done = subprocess.run(
        command,
        cwd=shop,
        env=os.environ | {"MYPY_CACHE_DIR": str(TYPES), "HEADSTART": "none"} | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    hooks = yaml.safe_load((shop / CONFIG).read_text("utf-8"))["repos"][0]["hooks"]
    called = {hook["name"]: hook["id"] for hook in hooks}
    told = re.findall(r"^(.+?)\.{3,}.*?(Passed|Failed|Skipped)$", done.stdout, re.MULTILINE)
    return done.returncode, {called[name]: what for name, what in told}, done.stdout


@contextmanager
def drifted(shop: Path) -> Iterator[None]:
    """What `headstart check` leaves behind is in doubt, so it is asked: this is not `up`'s venv."""
    stub = shop / ".venv/bin/headstart-check"
    stub.write_text("#!/bin/sh\nexit 1\n")
    stub.chmod(0o755)
    try:
        yield
    finally:
        stub.unlink()


def test_each_hook_finds_its_fault_and_lets_the_rest_pass(shop: Path) -> None:
    with (shop / "README.md").open("a", encoding="utf-8") as file:
        file.write("\nMore.\n")
    code, told, _ = commit(shop)
    of_code = dict.fromkeys(("style", "types", "imports", "revisions"), "Skipped")
    always = dict.fromkeys(("environment", "secrets", "template"), "Passed")
    assert (code, told) == (0, of_code | always)

    for name, text in FAULTS.values():
        with (shop / name).open("a", encoding="utf-8") as file:
            file.write(text)
    (shop / ".headstart").mkdir()
    (shop / ".headstart/drift.yml").write_text("- path: README.md\n  reason: ours\n")
    with drifted(shop):
        code, told, said = commit(shop, HEADSTART=HEADSTART)
    assert code == 1
    assert told == dict.fromkeys((*FAULTS, "environment"), "Failed")
    for part in ("AWS Access Key", "migrate/HEAD", "core knows no module", "app/core/wrong.py:3"):
        assert part in said


def test_the_machine_follows_a_commit_that_changes_the_pins_and_no_other(shop: Path) -> None:
    due = "This commit changes what is pinned; after it: headstart up"
    with drifted(shop):
        for name in ("README.md", "toolchain.yml", "requirements-dev.lock"):
            with (shop / name).open("a", encoding="utf-8") as file:
                file.write("\n# More.\n")
            code, told, said = commit(shop, HEADSTART=HEADSTART)
            is_pin = name != "README.md"
            assert (code == 0, told["environment"] == "Passed", due in said) == (is_pin,) * 3
            assert ("→ headstart up" in said) != is_pin
            run(["git", "reset", "--quiet", "--hard"], shop)
        (shop / ".git").rename(shop / "elsewhere")  # nothing is staged where git knows nothing
        command = ["make", "environment", f"HEADSTART={HEADSTART}"]
        alone = os.environ | {"GIT_CEILING_DIRECTORIES": str(shop.parent)}
        assert subprocess.run(command, cwd=shop, env=alone, check=False).returncode == 2


def test_an_update_is_committed_before_what_it_pins_is_installed(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the hooks that can pass by then: those that run what is pinned are said to wait."""
    (shop / FAULTS["style"][0]).write_text(FAULTS["style"][1], "utf-8")  # `make style` fails
    monkeypatch.setenv("HEADSTART", HEADSTART)
    run(["git", "add", "--all"], shop)
    run(["git", "commit", "--quiet", "--no-verify", "--message", "x"], shop)
    with drifted(shop):
        said = headstart(
            *("update", "--data", "style=black-isort", "--no-verify"),
            cwd=shop,
            state=tmp_path / "state",
        )
    assert "ran pre-commit, but not style, types, imports, revisions, before" in said
    assert "requirements-dev.lock" in run(["git", "show", "--name-only"], shop)


def test_a_revision_is_linted_while_it_is_new(shop: Path) -> None:
    """For the database that it runs on; what was there before is no longer a question."""
    mysql = os.environ | {"DATABASE_URL": "mysql://root@127.0.0.1:1/shop"}
    run(["make", "revisions"], shop, **mysql)
    text = (
        '"""Lose."""\n\nfrom alembic import op\n\nrevision = "0002"\ndown_revision = "0001"\n\n\n'
        'def upgrade() -> None:\n    op.drop_table("profiles")\n\n\ndef downgrade() -> None: ...\n'
    )
    (shop / "migrate/versions/20261122_0002_lose.py").write_text(text)
    (shop / "migrate/HEAD").write_text("0002\n")
    command = ["make", "revisions"]
    done = subprocess.run(command, cwd=shop, env=mysql, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "lose.py:10: M20" in done.stdout + done.stderr


def test_taken_away_and_added_again_they_are_as_they_were(shop: Path, tmp_path: Path) -> None:
    """By commits at which git still runs the hook, which lets one without a configuration pass."""
    for change in ("remove", "add"):
        done = headstart(
            *("feature", change, "pre_commit", "--no-verify"), cwd=shop, state=tmp_path / "state"
        )
        assert "pre_commit" in done
        assert (shop / CONFIG).exists() == (change == "add")
    assert run(["git", "diff", "HEAD~2"], shop) == ""


def test_make_check_is_the_same_list(shop: Path) -> None:
    run([".venv/bin/python", "-m", "pre_commit", "validate-config"], shop)
    assert findings(yamllint(shop / CONFIG)) == ""
    hooks = yaml.safe_load((shop / CONFIG).read_text("utf-8"))["repos"][0]["hooks"]
    made = "".join((shop / name).read_text("utf-8") for name in ("Makefile", "hooks.mk"))
    parts = re.findall(r"^check: ([a-z ]+?)(?: ##.*)?$", made, re.MULTILINE)
    assert sorted(" ".join(parts).split()) == sorted(hook["id"] for hook in hooks)
    for hook in hooks:
        assert hook["entry"].removesuffix(" SINCE=HEAD") == f"make {hook['id']}"


def test_no_render_has_what_looks_like_a_secret_and_a_file_that_is_new_is_read(
    tmp_path: Path, everything: Path
) -> None:
    answers = ("database=mysql", "safe_migrations=true", f"features=[{', '.join(features())}]")
    shop = rendered(tmp_path, "preset=custom", *answers)
    command = ["make", "secrets", f"VENV={everything / '.venv'}"]
    ids = 'revision = "7b264c3f909c"\ndown_revision = ("56f2aa640f6b", "9c3e1d07ab54")\n'
    (shop / "migrate/versions/20270101_7b264c3f909c_mine.py").write_text(ids)
    run(command, shop)
    (shop / "new file.py").write_text(KEY)
    (shop / "README.md").unlink()
    for since in ((), ("SINCE=HEAD",)):
        if since:
            run(["git", "add", "--all"], shop)
        asked = [*command, *since]
        done = subprocess.run(asked, cwd=shop, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "Location:    new file.py:1" in done.stdout


def test_secrets_are_not_said_to_be_absent_where_git_knows_no_file(
    tmp_path: Path, everything: Path
) -> None:
    shop = rendered(tmp_path, *only("pre_commit"))
    (shop / ".git").rename(tmp_path / "elsewhere")
    command = ["make", "secrets", f"VENV={everything / '.venv'}"]
    alone = os.environ | {"GIT_CEILING_DIRECTORIES": str(tmp_path)}
    done = subprocess.run(command, cwd=shop, env=alone, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "it has no commit here: git init, git commit" in done.stderr
