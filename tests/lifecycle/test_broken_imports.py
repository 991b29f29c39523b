"""A merge is valid when it still imports: what it breaks is told before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bootstrap.project import releases
from tests.lifecycle.conftest import Files, Package, commit, last_document, write
from tests.lifecycle.test_every_version import new
from tests.project.conftest import git, headstart

TEXT = '''\
"""Text."""


def plain():
    return "plain"


def loud():
    return "!"
'''
ONE: Files = {
    "app/__init__.py": "",
    "app/core/__init__.py": "",
    "app/core/text.py": TEXT,
    "app/sample/__init__.py": '"""The sample."""\n',
    "app/sample/models.py": '"""Its models."""\n\n\nclass Row: ...\n',
    "app/main.py": '"""Main."""\n\nfrom app.core.text import plain\n\n\ndef main():\n    plain()\n',
}


@pytest.fixture
def shop(package: Package, tmp_path: Path) -> Path:
    """A project of 1.0.0."""

    def make(package: Package, shop: Path) -> None:
        package.release("1.0.0", ONE)
        package.new(shop, "1.0.0")

    return package.begun(tmp_path / "shop", make)


def broken(told: dict[str, Any]) -> list[tuple[str, int, str, str]]:
    keys = ("path", "line", "missing", "reason")
    return [tuple(each[key] for key in keys) for each in told["broken_imports"]]


def both(package: Package, shop: Path) -> tuple[list[tuple[str, int, str, str]], dict[str, Any]]:
    """What the preview tells, and the check of the files after the update."""
    foretold = package.told("update", "--preview", cwd=shop)
    run = package.headstart("update", "--json", cwd=shop)
    told = last_document(run)
    assert broken(told) == broken(foretold)
    (check,) = [each for each in told["verification"]["checks"] if each["name"] == "files"]
    assert (check["ending"] == "failed") == bool(broken(told))
    assert run.returncode == int(bool(broken(told)))
    return broken(told), check


def test_a_file_that_needs_what_you_deleted(package: Package, shop: Path) -> None:
    git("rm", "-r", "--quiet", "app/sample", cwd=shop)
    commit(shop)
    new = '"""New."""\n\nfrom app.sample.models import Row\n\nROWS = [Row]\n'
    package.release("2.0.0", {"app/new.py": new})
    found, check = both(package, shop)
    reason = "you deleted app/sample/models.py"
    assert found == [("app/new.py", 3, "app.sample.models", reason)]
    advice = "drop the import or this file, or restore that one"
    assert check["details"] == [f"app/new.py:3: app.sample.models: {reason}: {advice}"]
    shown = package.headstart("update", "--preview", "--to", "2.0.0", cwd=shop).stdout
    assert "Up to date" in shown


def test_a_new_test_of_what_you_deleted_stays_away(package: Package, shop: Path) -> None:
    """One that needs it in a function alone can be imported, and comes."""
    git("rm", "-r", "--quiet", "app/sample", cwd=shop)
    commit(shop)
    needs = "from app.sample.models import Row\n"
    tests = {
        "tests/test_rows.py": f"{needs}\n\ndef test_row():\n    Row()\n",
        "tests/test_some.py": f"def test_row():\n    {needs}",
        "tests/test_plain.py": "from app.core.text import plain\n",
    }
    package.release("2.0.0", tests)
    told = package.told("update", "--preview", cwd=shop)
    files = {each["path"]: (each["outcome"], each["reason"]) for each in told["files"]}
    reason = "it needs app/sample/models.py, which you deleted"
    assert files["tests/test_rows.py"] == ("kept", reason)
    assert files["tests/test_plain.py"] == ("new", "")
    found, _ = both(package, shop)
    assert [each[0] for each in found] == ["tests/test_some.py"]
    assert not (shop / "tests/test_rows.py").exists()
    assert package.told("update", cwd=shop)["applied"] is False


@pytest.mark.parametrize("main", [ONE["app/main.py"], "# mine\n" + str(ONE["app/main.py"])])
def test_a_package_of_mine_that_hides_a_new_module_is_named(
    package: Package, shop: Path, main: str
) -> None:
    headers = "class SecurityHeaders: ...\n"
    imports = str(ONE["app/main.py"]).replace(
        "import plain\n", "import plain\nfrom app.core.headers import SecurityHeaders\n"
    )
    package.release("2.0.0", {"app/core/headers.py": headers, "app/main.py": imports})
    write(shop / "app/core/headers/__init__.py", "MINE = 1\n")
    write(shop / "app/main.py", main)
    commit(shop)
    lines, _ = both(package, shop)
    (found,) = lines
    assert found[2:] == (
        "app.core.headers.SecurityHeaders",
        "the package app/core/headers hides app/core/headers.py",
    )


def test_a_file_of_mine_that_needs_what_the_template_deletes(package: Package, shop: Path) -> None:
    write(
        shop / "app/mine.py", "from app.sample.models import Row\nfrom app.core.text import loud\n"
    )
    commit(shop)
    quiet = TEXT.partition("\n\n\ndef loud")[0] + "\n"
    gone = {"app/sample/__init__.py": None, "app/sample/models.py": None}
    package.release("2.0.0", {**gone, "app/core/text.py": quiet})
    found, _ = both(package, shop)
    assert found == [
        ("app/mine.py", 1, "app.sample.models", "the template deleted app/sample/models.py"),
        ("app/mine.py", 2, "app.core.text.loud", "app/core/text.py has no loud any more"),
    ]


def test_what_was_broken_before_is_told_and_does_not_fail(package: Package, shop: Path) -> None:
    write(shop / "app/mine.py", "from app.core.gone import x\nfrom app.core import text\n")
    write(shop / "app/made.py", "import app.core.generated\n")
    write(shop / ".gitignore", "generated.py\n")
    commit(shop)
    write(shop / "app/core/generated.py", "")
    package.release("2.0.0", {"app/core/text.py": f"{TEXT}\nMORE = 1\n"})
    found, check = both(package, shop)
    assert found == []
    assert check["details"] == ["app/mine.py:1: app.core.gone, as before the update"]


def test_what_may_be_missing_is_no_complaint(package: Package, shop: Path) -> None:
    optional = "try:\n    from app.sample.models import Row\nexcept ImportError:\n    Row = None\n"
    write(shop / "app/mine.py", optional)
    commit(shop)
    package.release("2.0.0", {"app/sample/__init__.py": None, "app/sample/models.py": None})
    assert both(package, shop)[0] == []


def test_a_merge_in_a_folder_of_a_repository_is_resolved_by_the_project(
    package: Package, shop: Path, tmp_path: Path
) -> None:
    repository = tmp_path / "all"
    repository.mkdir()
    git("init", "--quiet", cwd=repository)
    (shop / ".git").rename(tmp_path / "old")
    shop = shop.rename(repository / "shop")
    git("rm", "-r", "--quiet", "--cached", "--ignore-unmatch", ".", cwd=repository)
    write(repository / "app.py", "from app.sample import other\n")
    commit(repository)
    git("rm", "-r", "--quiet", "app/sample", cwd=shop)
    commit(repository)
    package.release("2.0.0", {"app/new.py": "import app.sample.models\n"})
    found, _ = both(package, shop)
    assert [each[:3] for each in found] == [("app/new.py", 1, "app.sample.models")]


def test_what_both_added_shows_what_you_did(package: Package, shop: Path) -> None:
    write(shop / "app/new.py", "mine = 1\n")
    commit(shop)
    package.release("2.0.0", {"app/new.py": "theirs = 1\n"})
    (each,) = [
        each
        for each in package.told("update", "--preview", cwd=shop, code=1)["files"]
        if each["outcome"] == "conflict"
    ]
    assert (each["template"], each["yours"], each["reason"]) == ("new", "new", "both added it")


def updated(shop: Path, code: int) -> dict[str, Any]:
    """To the last release whose own tests import the sample."""
    run = headstart("update", "--to", "0.7.0", "--no-verify", "--json", cwd=shop)
    assert run.returncode == code, run.stdout + run.stderr
    return last_document(run)


@pytest.mark.slow
def test_a_first_project_without_the_sample_is_told_what_needs_it(tmp_path: Path) -> None:
    shop = new(tmp_path, releases.released()[0].version)
    git("rm", "-r", "--quiet", "app/modules/profiles", "tests/modules", cwd=shop)
    commit(shop)
    told = updated(shop, 1)
    assert {each["path"] for each in told["broken_imports"]} == {"tests/core/test_logging.py"}
    needing = {each["path"] for each in told["files"] if each["reason"].startswith("it needs app/")}
    assert needing == {"tests/core/test_etag.py", "tests/core/test_listing.py"}


@pytest.mark.slow
def test_a_first_project_with_a_renamed_module_imports_it_everywhere(tmp_path: Path) -> None:
    shop = new(tmp_path, releases.released()[0].version)
    git("mv", "app/core/pagination.py", "app/core/pages.py", cwd=shop)
    for path in [*shop.glob("app/**/*.py"), *shop.glob("tests/**/*.py")]:
        write(path, path.read_text().replace("app.core.pagination", "app.core.pages"))
    commit(shop)
    told = updated(shop, 0)
    assert told["broken_imports"] == []
    assert "from app.core.pages import" in (shop / "app/core/listing.py").read_text()
    texts = [path.read_text() for path in shop.glob("*/**/*.py")]
    assert not any("core.pagination import" in text for text in texts)
