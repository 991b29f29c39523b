"""A look at a project before it is made: what is shown is what is made, and nothing is written."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.project.conftest import headstart, made, tree

PRESETS = ("minimal", "enterprise", "gitops")


def shown(*arguments: str, cwd: Path) -> dict[str, Any]:
    run = headstart(*arguments, "--json", cwd=cwd)
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def counted(project: Path) -> dict[str, int]:
    return {path: len(content.splitlines()) for path, (_, content) in tree(project).items()}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preview_writes_nothing_and_says_what_is_made_then(preset: str, tmp_path: Path) -> None:
    preview = shown("new", "shop", "--preset", preset, "--preview", cwd=tmp_path)
    assert not list(tmp_path.iterdir())
    report = made("shop", "--preset", preset, cwd=tmp_path)
    files = {each["path"]: each["lines"] for each in preview["files"]}
    assert files == counted(tmp_path / "shop")
    for same in ("answers", "sources", "template", "path"):
        assert preview[same] == report[same]
    plan = headstart("plan", "--json", "--project", "shop", cwd=tmp_path)
    if plan.returncode:
        assert preview["refused"] == json.loads(plan.stdout)["error"]["what"]
    else:
        assert preview["steps"] == json.loads(plan.stdout)["steps"]


def test_a_preview_for_people_is_a_tree_the_answers_and_the_steps(tmp_path: Path) -> None:
    run = headstart("new", "my shop", "--defaults", "--preview", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    head, *lines = run.stdout.splitlines()
    assert head.startswith("my shop/  ")
    assert any(line.startswith("├── app/") for line in lines)
    assert any(line.split()[:2] == ["project_name", "my-shop"] for line in lines)
    assert f"{tmp_path / 'my shop' / '.venv'}" in run.stdout
    assert "headstart-preview-" not in run.stdout
    assert lines[-1] == "Nothing was written."


def test_a_preview_refuses_what_new_refuses(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/mine").touch()
    run = headstart("new", "shop", "--defaults", "--preview", cwd=tmp_path)
    assert run.returncode == 4
    assert "exists and is not empty" in run.stderr


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_shown_with_its_answers_and_files(preset: str, tmp_path: Path) -> None:
    found = shown("presets", preset, cwd=tmp_path)
    assert not list(tmp_path.iterdir())
    report = made("shop", "--preset", preset, cwd=tmp_path)
    answers: Any = report["answers"]
    assert found["answers"]["features"] == answers["features"]
    files = {each["path"]: each["lines"] for each in found["files"]}
    assert files == counted(tmp_path / "shop")
    whole = headstart("presets", preset, cwd=tmp_path).stdout
    assert f"{len(files)} files, {sum(files.values())} lines:" in whole


def test_a_preset_that_is_none_is_refused_with_the_nearest(tmp_path: Path) -> None:
    run = headstart("presets", "gitop", cwd=tmp_path)
    assert run.returncode == 64
    assert "did you mean gitops?" in run.stderr
