"""`headstart add resource`, as far as it goes without the project's tools."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.project.conftest import Run, git, headstart, made, tree

ADD = ("add", "resource")
FIELDS = ("title:str!", "mood:enum(a,b)", "author:ref(profiles)")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    made("shop", cwd=tmp_path)
    return tmp_path / "shop"


def document(run: Run, code: int = 0) -> dict[str, Any]:
    assert run.returncode == code, run.stdout + run.stderr
    (line,) = run.stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def refused(run: Run, code: int) -> dict[str, Any]:
    found: dict[str, Any] = document(run, code)["error"]
    assert found["exit_code"] == code
    assert found["next"], "what to do is not said"
    return found


def test_a_preview_shows_every_file_and_writes_none(shop: Path) -> None:
    before = tree(shop)
    run = headstart(*ADD, "Article", *FIELDS, "--job", "--preview", cwd=shop)
    assert run.returncode == 0, run.stderr
    for name in (
        "articles/",
        "models.py",
        "jobs.py",
        "test_articles.py",
        "articles.md",
        "rows.py",
    ):
        assert name in run.stdout
    assert "by the project's own autogenerate" in run.stdout
    assert "Nothing was written." in run.stdout
    assert tree(shop) == before
    assert git("status", "--porcelain", cwd=shop) == ""


def test_programs_get_the_files_with_their_lines(shop: Path) -> None:
    found = document(headstart(*ADD, "Article", *FIELDS, "--preview", "--json", cwd=shop))
    assert found["event"] == "preview"
    assert (found["resource"], found["table"], found["path"]) == (
        "article",
        "articles",
        "/v1/articles",
    )
    assert found["fields"] == ["title", "mood", "author_id"]
    assert found["changed"] == ["app/modules/__init__.py"]
    lines = {each["path"]: each["lines"] for each in found["files"]}
    assert lines["app/modules/articles/models.py"] > 20
    assert "app/modules/articles/jobs.py" not in lines


def test_a_folder_below_will_do_and_so_will_no_fields(shop: Path) -> None:
    run = headstart(*ADD, "news", "--preview", "--json", cwd=shop / "app/core")
    assert document(run)["fields"] == ["name"]


def test_a_project_elsewhere_is_named(shop: Path, tmp_path: Path) -> None:
    run = headstart(*ADD, "news", "--preview", "--json", "--project", str(shop), cwd=tmp_path)
    assert document(run)["table"] == "news"


def test_a_project_that_its_repository_ignores_is_one_without_git(tmp_path: Path) -> None:
    git("init", "--quiet", cwd=tmp_path)
    (tmp_path / ".gitignore").write_text("/shop/\n")
    made("shop", cwd=tmp_path)
    assert not (tmp_path / "shop/.git").exists()
    run = headstart(*ADD, "Article", "--preview", cwd=tmp_path / "shop")
    assert run.returncode == 0, run.stderr
    assert "git does not keep this project" in run.stderr


def test_without_git_a_preview_says_that_nothing_was_compared(shop: Path) -> None:
    shutil.rmtree(shop / ".git")
    run = headstart(*ADD, "Article", "title:str", "--preview", cwd=shop)
    assert run.returncode == 0, run.stderr
    assert "git does not keep this project" in run.stderr


def test_without_a_venv_it_says_what_makes_one(shop: Path) -> None:
    before = tree(shop)
    found = refused(headstart(*ADD, "Article", "title:str", "--json", cwd=shop), 64)
    assert "no virtual environment yet" in found["what"]
    assert found["next"][0] == "headstart up"
    assert "--preview" in found["next"][1]
    assert tree(shop) == before


def test_where_there_is_no_project_it_says_so(tmp_path: Path) -> None:
    found = refused(headstart(*ADD, "Article", "title:str", "--json", cwd=tmp_path), 64)
    assert "no project here" in found["what"]


def test_what_is_there_is_refused(shop: Path) -> None:
    found = refused(headstart(*ADD, "Profile", "--preview", "--json", cwd=shop), 4)
    assert "app/modules/profiles" in found["why"]
    (shop / "docs/modules").mkdir()
    (shop / "docs/modules/articles.md").write_text("mine\n")
    found = refused(headstart(*ADD, "Article", "--preview", "--json", cwd=shop), 4)
    assert found["why"] == ["docs/modules/articles.md"]


def test_every_field_that_is_wrong_is_named_at_once(shop: Path) -> None:
    wrong = ("title:strng", "order:int", "owner:ref(profils)")
    found = refused(headstart(*ADD, "Article", *wrong[:1], "--json", cwd=shop), 64)
    assert found["why"] == ["title:strng: there is no type strng: did you mean str?"]
    found = refused(headstart(*ADD, "Article", *wrong[1:], "--json", cwd=shop), 64)
    assert [line.partition(":")[0] for line in found["why"]] == ["order", "owner"]
    assert "did you mean profiles?" in found["why"][1]


@pytest.mark.parametrize(
    ("path", "text", "missing"),
    [
        ("app/modules/__init__.py", "MODULES = names()\n", "app/modules/__init__.py has no list"),
        ("app/core/etag.py", "ExpectedVersions = 1\n", "app.core.etag.entity_tag is not there"),
        ("app/core/listing.py", None, "app.core.listing.Listing is not there"),
        ("tests/conftest.py", None, "tests/conftest.py is not there"),
    ],
)
def test_another_layout_is_refused(shop: Path, path: str, text: str | None, missing: str) -> None:
    if text is None:
        (shop / path).unlink()
    else:
        (shop / path).write_text(text)
    found = refused(headstart(*ADD, "Article", "--preview", "--json", cwd=shop), 4)
    assert any(missing in line for line in found["why"]), found
    assert "headstart update" in found["next"][0]


def test_an_older_template_is_updated_first(tmp_path: Path) -> None:
    made("shop", "--version", "0.7.0", cwd=tmp_path)
    found = refused(headstart(*ADD, "Article", "--preview", "--json", cwd=tmp_path / "shop"), 4)
    assert "it was generated from template 0.7.0" in found["why"]
    assert "headstart update" in found["next"][0]


def test_a_list_that_is_formatted_otherwise_is_kept_so(shop: Path) -> None:
    registry = shop / "app/modules/__init__.py"
    text = registry.read_text().replace('("profiles",)', "[  # mine\n    'profiles',\n]")
    registry.write_text(text)
    found = document(headstart(*ADD, "Article", "--preview", "--json", cwd=shop))
    assert found["changed"] == ["app/modules/__init__.py"]
