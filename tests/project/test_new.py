"""`headstart new`, as a person or a script without a terminal uses it."""

import json
import os
import re
import subprocess
import sys
from contextlib import nullcontext
from itertools import combinations
from pathlib import Path

import pytest
import yaml

import bootstrap
from bootstrap.publisher import FORMER_SOURCES, SOURCE
from tests.conftest import disk
from tests.project.conftest import answers_without, git, headstart, made, tree

# The features that have a revision, in the order in which they build on each other.
REVISIONS = {"idempotency": "0002", "operations": "0003", "security": "0004"}


def test_a_new_project_is_complete_and_committed(tmp_path: Path) -> None:
    report = made("shop", cwd=tmp_path)
    shop = tmp_path / "shop"
    assert report["project"] == "shop"
    assert report["path"] == str(shop)
    assert report["files"] == len(tree(shop))
    assert git("status", "--porcelain", "--ignored", cwd=shop) == ""
    assert git("log", "--format=%an <%ae>", cwd=shop) == "Ada <ada@example.org>"
    assert git("branch", "--show-current", cwd=shop) == "main"
    assert list(tmp_path.iterdir()) == [shop]


def test_the_report_for_people_names_answers_origins_and_next_commands(tmp_path: Path) -> None:
    run = headstart("new", "my shop", "--defaults", "--data", "project_name=cart", cwd=tmp_path)
    assert run.returncode == 0
    assert re.search("project_name +cart", run.stdout)
    assert "(--data)" in run.stdout
    assert "(default)" in run.stdout
    assert "cd 'my shop' && make up && make test" in run.stdout


def test_the_answers_are_remembered_with_where_newer_templates_come_from(tmp_path: Path) -> None:
    report = made("shop", "--data", "venv_layout=shared", cwd=tmp_path)
    remembered = yaml.safe_load((tmp_path / "shop/.copier-answers.yml").read_text())
    assert remembered["_src_path"] in {SOURCE, *FORMER_SOURCES}
    assert remembered["_commit"] == report["template"]["version"]  # type: ignore[index]
    assert remembered["venv_layout"] == "shared"
    assert "template_source" not in remembered


# -- where it may go ---------------------------------------------------------------------------


def test_an_existing_empty_folder_will_do_even_the_current_one(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    before = shop.stat().st_ino
    run = headstart("new", ".", "--defaults", cwd=shop)
    assert run.returncode == 0
    assert shop.stat().st_ino == before  # a shell that stands in it stays in it
    assert "Next: make up && make test" in run.stdout
    assert git("status", "--porcelain", cwd=shop) == ""
    assert not list(shop.glob(".shop.*"))


@pytest.mark.parametrize("name", ["ein schöner laden", "店", "it's [new]*"])
def test_any_folder_name_will_do(tmp_path: Path, name: str) -> None:
    report = made(name, "--data", "project_name=shop", cwd=tmp_path)
    assert report["path"] == str(tmp_path / name)
    assert git("status", "--porcelain", cwd=tmp_path / name) == ""


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/mine.txt").write_text("mine")
    run = headstart("new", "shop", "--defaults", cwd=tmp_path)
    assert run.returncode == 4
    assert "exists and is not empty" in run.stderr
    assert "mine.txt" in run.stderr
    assert list((tmp_path / "shop").iterdir()) == [tmp_path / "shop/mine.txt"]


def test_a_file_and_a_dangling_link_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    for name, kind in (("file", "a file"), ("link", "a link to nothing")):
        run = headstart("new", name, "--defaults", cwd=tmp_path)
        assert run.returncode == 4
        assert f"exists and is {kind}" in run.stderr


def test_a_missing_parent_is_refused_with_the_command_that_makes_it(tmp_path: Path) -> None:
    run = headstart("new", "no/such/shop", "--defaults", cwd=tmp_path)
    assert run.returncode == 4
    assert f"mkdir -p '{tmp_path}/no/such'" in run.stderr


def test_a_parent_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o555)
    # Root may write everywhere, but not to a disk that is read-only.
    root = os.geteuid() == 0
    with disk(tmp_path / "locked", "ro") if root else nullcontext():
        run = headstart("new", "locked/shop", "--defaults", cwd=tmp_path)
    assert run.returncode == 4
    assert "you may not write to" in run.stderr


# -- answers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "recorded"),
    [
        ((), []),
        (("--data", "features=cache"), ["cache"]),
        (("--data", "features=cache,telemetry"), ["telemetry", "cache"]),
        (("--data", "features=security,operations"), ["operations", "security"]),
        (("--data", "features=idempotency"), ["idempotency"]),
        (("--data-file", "list.yml"), ["telemetry", "cache"]),
    ],
)
def test_features_are_recorded_as_a_list_and_bring_their_files(
    tmp_path: Path, given: tuple[str, ...], recorded: list[str]
) -> None:
    (tmp_path / "list.yml").write_text("features: [cache, telemetry]\n")
    made("shop", *given, cwd=tmp_path)
    answers = yaml.safe_load((tmp_path / "shop/.copier-answers.yml").read_text())
    assert answers["features"] == recorded
    for feature in ("operations", "idempotency", "telemetry", "cache", "security"):
        assert (tmp_path / "shop/app/features" / feature).is_dir() == (feature in recorded)


def test_a_feature_that_does_not_exist_is_refused_with_those_that_do(tmp_path: Path) -> None:
    run = headstart("new", "shop", "--defaults", "--data", "features=telemetri", cwd=tmp_path)
    assert run.returncode == 64
    offered = (
        "operations, idempotency, telemetry, cache, security, notifications, webhooks, "
        "keys, statistics, transfers, periods, github, pycharm, vscode, agents, devcontainer, "
        "postman, container, ecr, gitops, rundeck, gateway, pre_commit, framework_tests"
    )
    told = f"features must be one of {offered}, not telemetri: did you mean telemetry?"
    assert told in run.stderr


def test_a_preset_that_is_nearly_one_is_suggested(tmp_path: Path) -> None:
    run = headstart("new", "shop", "--defaults", "--preset", "minimum", cwd=tmp_path)
    assert run.returncode == 64
    assert "not minimum: did you mean minimal?" in run.stderr


def test_what_is_no_question_is_answered_with_the_questions_alone(tmp_path: Path) -> None:
    run = headstart("new", "shop", "--defaults", "--data", "zzz=1", cwd=tmp_path)
    assert run.returncode == 64
    told = " ".join(run.stderr.split())
    assert "zzz is not a question: there are preset, starts_from, " in told
    assert "newest_revision" not in told
    assert "packages_of" not in told


def test_accents_are_taken_off_a_folders_name(tmp_path: Path) -> None:
    made("café-ordérs", cwd=tmp_path)
    answers = yaml.safe_load((tmp_path / "café-ordérs/.copier-answers.yml").read_text())
    assert answers["project_name"] == "cafe-orders"


def test_a_name_of_which_nothing_is_left_is_asked_for(tmp_path: Path) -> None:
    run = headstart("new", "注文", "--defaults", cwd=tmp_path)
    assert run.returncode == 64
    assert "The project needs a name." in run.stderr
    assert "--data project_name=shop" in run.stderr
    made("注文", "--data", "project_name=orders", cwd=tmp_path)


@pytest.mark.parametrize(
    "chosen", [each for n in range(4) for each in combinations(REVISIONS, n)], ids=",".join
)
def test_revisions_are_one_chain_whichever_features_are_there(
    tmp_path: Path, chosen: tuple[str, ...]
) -> None:
    (tmp_path / "features.yml").write_text(f"features: [{', '.join(chosen)}]\n")
    made("shop", "--data-file", "features.yml", cwd=tmp_path)
    chain: dict[str | None, str] = {}
    for path in (tmp_path / "shop/migrate/versions").glob("*.py"):
        text = path.read_text()
        (revision,) = re.findall(r'^revision = "(\d+)"$', text, re.MULTILINE)
        (below,) = re.findall(r'^down_revision = (?:None|"(\d+)")$', text, re.MULTILINE)
        assert f"\nRevises: {below}".rstrip() + "\n" in text
        chain[below or None] = revision
    expected = ["0001", *(REVISIONS[feature] for feature in chosen)]
    assert chain == dict(zip([None, *expected], expected, strict=False))


def test_all_unusable_answers_are_named_at_once(tmp_path: Path) -> None:
    wrong = ("--data", "projct_name=x", "--data", "python_version=3.9.1", "--preset", "huge")
    run = headstart("new", "shop", "--defaults", *wrong, cwd=tmp_path)
    assert run.returncode == 64
    assert "projct_name is not a question: did you mean project_name?" in run.stderr
    assert "python_version must be an exact version" in run.stderr
    assert "preset must be one of minimal" in run.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("root", ["~/my envs", "/opt/$HOME/v", "/opt/a#b", "/opt/a;id", "/opt/v\n"])
def test_a_folder_that_make_cannot_use_is_refused(tmp_path: Path, root: str) -> None:
    shared = ("--preset", "custom", "--data", "venv_layout=shared", "--data", f"venv_root={root}")
    run = headstart("new", "shop", "--defaults", *shared, cwd=tmp_path)
    assert run.returncode == 64
    assert "venv_root must be a folder that starts with ~/ or /" in run.stderr


def test_without_a_terminal_open_questions_are_listed_with_the_flags_to_give(
    tmp_path: Path,
) -> None:
    run = headstart("new", "my shop", "--data", "preset=minimal", cwd=tmp_path)
    assert run.returncode == 64
    assert "project_name (default: my-shop): What is the project called?" in run.stderr
    assert "--defaults" in run.stderr
    assert "--data project_name=my-shop " in run.stderr
    assert "--data description='The my-shop backend.'" in run.stderr
    assert "preset (" not in run.stderr
    assert not list(tmp_path.iterdir())


def test_who_names_a_preset_is_asked_nothing(tmp_path: Path) -> None:
    run = headstart("new", "my shop", "--preset", "enterprise", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "my shop/app/rundeck").is_dir()
    assert max(map(len, run.stdout.splitlines()[1:])) <= 80
    assert headstart("new", "shop", "--preset", "custom", cwd=tmp_path).returncode == 64


def test_without_a_terminal_nothing_is_asked_when_nothing_is_open(tmp_path: Path) -> None:
    run = headstart("new", "shop", "--data-file", answers_without(folder=tmp_path), cwd=tmp_path)
    assert run.returncode == 0, run.stderr


def test_data_outranks_preset_outranks_data_file(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(
        "preset: unknown\ndescription: From the file.\npip_version: '25.0'"
    )
    given = ("--data-file", "a.yml", "--preset", "minimal", "--data", "pip_version=25.1")
    report = made("shop", *given, "--data", "pip_version=25.2", cwd=tmp_path)
    sources = report["sources"]
    assert isinstance(sources, dict)
    assert sources["preset"] == "--preset"
    assert sources["description"] == "a.yml"
    assert report["answers"]["pip_version"] == "25.2"  # type: ignore[index]


def test_the_answers_of_another_project_are_a_data_file(tmp_path: Path) -> None:
    first = made("shop", "--data", "description=Ours.", cwd=tmp_path)
    second = made("copy", "--data-file", "shop/.copier-answers.yml", cwd=tmp_path)
    assert first["answers"] == second["answers"]


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (None, "No such file"),
        ("[1, 2]", "name: value"),
        ("a: [", "expected the node content"),
        ("pip_version: 26.10", "pip_version must be text: write 26.1 in quotes"),
    ],
)
def test_a_data_file_that_cannot_be_used_is_refused(
    tmp_path: Path, content: str | None, rule: str
) -> None:
    if content is not None:
        (tmp_path / "a.yml").write_text(content)
    run = headstart("new", "shop", "--defaults", "--data-file", "a.yml", cwd=tmp_path)
    assert run.returncode == 64
    assert rule in run.stderr


def test_data_without_a_name_or_value_is_refused(tmp_path: Path) -> None:
    run = headstart("new", "shop", "--data", "worker", "--data", "=x", cwd=tmp_path)
    assert run.returncode == 64
    assert "'worker' has no name and value" in run.stderr
    assert "'=x' has no name and value" in run.stderr


def test_python_is_the_newest_supported_one_that_pyenv_has(tmp_path: Path) -> None:
    for version in ("3.9.18", "3.12.1", "3.12.10", "3.13.0rc1", "3.15.0", "pypy3.10-7.3.12"):
        python = tmp_path / "pyenv/versions" / version / "bin/python"
        python.parent.mkdir(parents=True)
        python.touch(mode=0o755)
    (tmp_path / "pyenv/versions/3.14.0").mkdir()  # an unfinished build
    report = made("shop", cwd=tmp_path, environment={"PYENV_ROOT": str(tmp_path / "pyenv")})
    assert report["answers"]["python_version"] == "3.12.10"  # type: ignore[index]
    assert report["sources"]["python_version"] == "newest in pyenv"  # type: ignore[index]


def test_without_pyenv_python_is_the_one_that_runs_headstart(tmp_path: Path) -> None:
    report = made("shop", cwd=tmp_path)
    assert report["answers"]["python_version"] == sys.version.split()[0]  # type: ignore[index]


# -- git ---------------------------------------------------------------------------------------


def test_a_stranger_to_git_gets_a_neutral_first_commit_and_is_told(tmp_path: Path) -> None:
    (tmp_path / "none").touch()
    environment = {"GIT_CONFIG_GLOBAL": str(tmp_path / "none"), "EMAIL": ""}
    run = headstart("new", "shop", "--defaults", cwd=tmp_path, environment=environment)
    assert run.returncode == 0
    assert "the first commit is by Headstart" in run.stdout
    assert git("log", "--format=%an", cwd=tmp_path / "shop") == "Headstart"
    assert "user" not in (tmp_path / "shop/.git/config").read_text()


def test_inside_a_repository_git_is_left_alone(tmp_path: Path) -> None:
    git("init", "--quiet", cwd=tmp_path)
    report = made("shop", cwd=tmp_path)
    assert not (tmp_path / "shop/.git").exists()
    assert report["git"] == {
        "repository": False,
        "branch": None,
        "commit": None,
        "notes": ["already inside a git repository: left to that one"],
    }


def test_without_git_the_project_is_made_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    run = headstart(
        "new", "shop", "--defaults", cwd=tmp_path, environment={"PATH": str(tmp_path / "bin")}
    )
    assert run.returncode == 0, run.stderr
    assert "git is not installed: no repository, no first commit" in run.stdout
    assert (tmp_path / "shop/.copier-answers.yml").is_file()


def test_a_hostile_git_configuration_does_not_reach_the_first_commit(
    tmp_path: Path, home: Path
) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (hooks / "pre-commit").chmod(0o755)
    (home / "ignore").write_text("*.yml\n.python-version\n")
    for key, value in {
        "core.hooksPath": str(hooks),
        "core.excludesFile": str(home / "ignore"),
        "core.autocrlf": "true",
        "commit.gpgSign": "true",
        "gpg.program": "false",
    }.items():
        git("config", "--file", str(home / "gitconfig"), key, value, cwd=home)
    report = made("shop", cwd=tmp_path)
    (note,) = report["git"]["notes"]  # type: ignore[index]
    assert note.startswith("the first commit is not signed")
    committed = git("ls-files", cwd=tmp_path / "shop").splitlines()
    assert len(committed) == report["files"]


def test_git_variables_of_a_hook_do_not_lead_astray(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git("init", "--quiet", cwd=other)
    environment = {
        "GIT_DIR": str(other / ".git"),
        "GIT_INDEX_FILE": str(other / ".git/index"),
        "GIT_WORK_TREE": str(other),
    }
    made("shop", cwd=tmp_path, environment=environment)
    assert git("log", "--format=%s", cwd=tmp_path / "shop").startswith("Start shop")
    assert git("status", "--porcelain", cwd=other) == ""


# -- other commands ----------------------------------------------------------------------------


def test_presets_say_what_each_adds(tmp_path: Path) -> None:
    listed = json.loads(headstart("presets", "--json", cwd=tmp_path).stdout)["presets"]
    assert listed[0]["name"] == "minimal"
    assert all(preset["adds"] for preset in listed)
    assert listed[0]["adds"] in headstart("presets", cwd=tmp_path).stdout


@pytest.mark.parametrize("preset", ["minimal", "enterprise", "gitops"])
def test_custom_begins_with_the_answers_of_any_preset(preset: str, tmp_path: Path) -> None:
    begun = made("shop", "--preset", "custom", "--data", f"starts_from={preset}", cwd=tmp_path)
    (tmp_path / "shop").rename(tmp_path / "begun")
    of_preset = made("shop", "--preset", preset, cwd=tmp_path)
    asked = {"preset": "custom", "starts_from": preset}
    assert begun["answers"] == of_preset["answers"] | asked  # type: ignore[operator]


def test_versions_are_a_document_for_programs(tmp_path: Path) -> None:
    run = headstart("versions", "--json", cwd=tmp_path)
    assert json.loads(run.stdout)["versions"][-1] == bootstrap.__version__


def test_help_teaches_with_examples_and_exit_codes(tmp_path: Path) -> None:
    text = headstart("new", "--help", cwd=tmp_path).stdout
    for taught in ("headstart new shop", "--data-file", "Exit codes:", "130"):
        assert taught in text


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "bootstrap", "--help"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    imported = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines()}
    assert run.returncode == 0
    assert "typer" in imported
    assert not imported & {"copier", "questionary", "jinja2", "yaml", "rich", "plumbum"}
