"""The sample can be changed and deleted, and modules come and go: everything else still holds."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import rendered
from tests.rendered.gates import names, run
from tests.rendered.matrix import features_on

pytestmark = pytest.mark.slow

PROFILES = "app/modules/profiles"
TESTS = "tests/modules/profiles"
LIST = "app/modules/__init__.py"
REVISION = "migrate/versions/20261122_0001_profiles_and_outbox.py"


class Shop:
    """A render, by the commands of its people, in the environment that has everything."""

    def __init__(self, folder: Path, everything: Path, *answers: str) -> None:
        self.at = rendered(folder, *answers)
        self._python = str(everything / ".venv/bin/python")
        (self.at / ".venv").symlink_to(everything / ".venv")
        run(["cp", ".env.example", ".env"], self.at)

    def make(self, *words: str) -> str:
        return run(["make", *words], self.at)

    def fits(self) -> str:
        """All gates are green; return what the smoke test has told."""
        self.make("check")
        assert re.search(r"\b\d+ passed", self.make("test"))
        return self.make("smoke")

    def change(self, path: str, old: str, new: str) -> None:
        """Replace what is there once."""
        text = (self.at / path).read_text("utf-8")
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {path}"
        (self.at / path).write_text(text.replace(old, new), "utf-8")

    def start(self) -> subprocess.CompletedProcess[str]:
        """Make the api, as every process does that begins with it."""
        command = [self._python, "-c", "from app.main import create_app; create_app()"]
        return subprocess.run(command, cwd=self.at, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "chosen",
    [(), pytest.param(features_on("sqlite"), marks=pytest.mark.nightly)],
    ids=["minimal", "everything"],
)
def test_without_the_sample_everything_else_holds(
    tmp_path: Path, everything: Path, chosen: tuple[str, ...]
) -> None:
    shop = Shop(tmp_path, everything, f"features=[{', '.join(chosen)}]")
    for step in steps(shop.at):
        STEPS[step.partition(" ")[0]](shop, step)
    assert "no resource has an example" in shop.fits()
    assert not any("profile" in name for name in names(shop.at) - {REVISION})
    assert shop.start().returncode == 0


def steps(shop: Path) -> list[str]:
    """How the README says that the sample is deleted."""
    readme = (shop / "README.md").read_text("utf-8")
    found: list[str] = re.findall(r"^\d\. (.*)$", readme, re.MULTILINE)
    assert len(found) == len(STEPS)
    return found


def command(shop: Shop, step: str) -> None:
    (line,) = re.findall("^`(.*)`$", step)
    run(["sh", "-c", line], shop.at)


def unlist(shop: Shop, step: str) -> None:
    assert LIST in step
    shop.change(LIST, '"profiles",', "")


def forget_tables(shop: Shop, step: str) -> None:
    named = re.findall(r"`(migrate/versions/[^`]+)`", step)
    assert named[0] == REVISION
    path = shop.at / REVISION
    text = path.read_text("utf-8")
    up, down = (
        text.index('    op.create_table(\n        "profiles"'),
        text.index("\n\ndef downgrade"),
    )
    text = text[:up] + text[down:]
    text = re.sub(r'    op.drop_table\("profile\w+"\)\n', "", text)
    assert text.count("profile") == 1, "its title alone has the word"
    path.write_text(text, "utf-8")
    for other in named[1:]:
        forget_triggers(shop.at / other)


def forget_triggers(path: Path) -> None:
    """Delete the statements about the sample, what runs them, and both its calls."""
    text = path.read_text("utf-8")
    text = re.sub(r"# Written by `.*?\n}\n\n(?=TRIGGERS)", "", text, flags=re.DOTALL)
    (run,) = re.findall(r"^def (\w+)\(statements", text, re.MULTILINE)
    text = re.sub(rf"^def {run}\(.*?\n\n\n", "", text, flags=re.DOTALL | re.MULTILINE)
    text, calls = re.subn(rf"^    {run}\(\w+\)\n", "", text, flags=re.MULTILINE)
    assert calls == 2
    assert "profile" not in text
    path.write_text(text, "utf-8")


# What a person does for each of them, by their first words.
STEPS = {"`git": command, "Take": unlist, "Delete": forget_tables, "`rm": command}


@pytest.mark.nightly
def test_a_field_is_added_in_two_files_and_in_the_modules_own_test(
    tmp_path: Path, everything: Path
) -> None:
    shop = Shop(tmp_path, everything, "features=[idempotency, postman]")
    column, example = "Mapped[str] = mapped_column(String(20))", 'Line = Field(examples=["B 12"])'
    models, schemas = f"{PROFILES}/models.py", f"{PROFILES}/schemas.py"
    shop.change(models, "    department: Mapped", f"    room: {column}\n    department: Mapped")
    shop.change(
        schemas, "    department: Line = F", f"    room: {example}\n    department: Line = F"
    )
    shop.change(schemas, "    department: str\n", "    room: str\n    department: str\n")
    shop.change(f"{TESTS}/__init__.py", '"department":', '"room": "B 12", "department":')
    shop.make("format")
    changed = run(["git", "diff", "--name-only"], shop.at).split()
    assert changed == [models, schemas, f"{TESTS}/__init__.py"]
    shop.make("migrate")
    shop.make("migration", "m=rooms of profiles")
    shop.make("migrate")
    assert "its job is done" in shop.fits()


def test_a_module_that_is_not_listed_is_named_and_one_that_is_listed_may_be_small(
    tmp_path: Path, everything: Path
) -> None:
    shop = Shop(tmp_path, everything, "features=[security]")
    module = shop.at / "app/modules/orders"
    module.mkdir()
    (module / "models.py").write_text('"""Nothing yet."""\n')
    assert f"app/modules/orders is not listed: add 'orders' to MODULES in {LIST}" in why(shop)
    shop.change(LIST, '("profiles",)', '("profiles", "orders")')
    assert "there is no app/modules/orders/__init__.py" in why(shop)
    (module / "__init__.py").write_text('"""Orders."""\n')
    assert shop.start().returncode == 0
    (module / "models.py").rename(module / "service.py")
    assert shop.start().returncode == 0
    (module / "__init__.py").unlink()
    (module / "service.py").unlink()
    assert "there is no app/modules/orders/__init__.py" in why(shop)


def test_a_file_that_is_no_command_and_a_folder_that_is_no_feature_are_named(
    tmp_path: Path, everything: Path
) -> None:
    shop = Shop(tmp_path, everything, "features=[]")
    feature = shop.at / "app/features/audit"
    feature.mkdir()
    (feature / "__init__.py").write_text("def install(app: object) -> None: ...\n")
    (shop.at / "app/commands/report.py").write_text('"""Report."""\ndef run(_: object): ...\n')
    assert "app/features/audit is no feature: no install_worker()" in why(shop)
    command = [str(shop.at / ".venv/bin/python"), "-m", "app"]
    done = subprocess.run(command, cwd=shop.at, capture_output=True, text=True, check=False)
    assert "app/commands/report.py is no command: no declare()" in done.stderr


def test_a_page_that_the_documentation_does_not_lead_to_is_named(
    tmp_path: Path, everything: Path
) -> None:
    shop = Shop(tmp_path, everything, "features=[]")
    (shop.at / "docs/billing.md").write_text("# Billing\n")
    tests = [str(shop.at / ".venv/bin/python"), "-m", "pytest", "-q", "tests/test_documents.py"]
    done = subprocess.run(tests, cwd=shop.at, capture_output=True, text=True, check=False)
    assert "docs/README.md does not name billing.md" in done.stdout
    (shop.at / "docs/billing.md").unlink()
    assert "1 passed" in run(tests, shop.at)


def why(shop: Shop) -> str:
    """The last line of what a start is refused with."""
    started = shop.start()
    assert started.returncode != 0
    return started.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("models", "service"),
        ("schemas", "endpoints"),
        ("endpoints", "tasks"),
        ("tasks", "endpoints"),
    ],
)
def test_the_direction_of_imports_is_checked_in_every_module(
    tmp_path: Path, everything: Path, importer: str, imported: str
) -> None:
    shop = rendered(tmp_path)
    module = shop / "app/modules/orders"
    module.mkdir()
    for name in ("__init__", imported):
        (module / f"{name}.py").write_text('"""Orders."""\n')
    lint = [str(everything / ".venv/bin/lint-imports"), "--no-logo", "--no-cache"]
    assert subprocess.run(lint, cwd=shop, capture_output=True, check=False).returncode == 0
    (module / f"{importer}.py").write_text(f"from app.modules.orders import {imported} as _\n")
    done = subprocess.run(
        lint, cwd=shop, capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.returncode != 0
    assert f"app.modules.orders.{importer} -> app.modules.orders.{imported}" in done.stdout
