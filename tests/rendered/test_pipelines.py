"""The workflow that pushes images, and who proposes newer ones: linted, and run where it can."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import rendered
from tests.rendered.gates import run
from tests.rendered.matrix import only
from tests.rendered.tools import actionlint, findings, hadolint, of_schema, yamllint, zizmor

pytestmark = pytest.mark.slow

IMAGE = ".github/workflows/image.yml"
CHECK = ".github/workflows/check.yml"
RULES = ".github/workflows/rules.yml"
OURS = ("namespace=team", "aws_account=000000000001", "region=eu-west-1")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return rendered(tmp_path, *only("ecr"), *OURS)


def workflow(shop: Path) -> str:
    return (shop / IMAGE).read_text("utf-8")


@pytest.mark.parametrize(
    ("workflow", "branches"),
    [("none", ["develop"]), ("git-flow", ["develop", "development"]), ("trunk", ["main"])],
)
def test_an_image_for_development_is_of_the_branch_that_work_goes_into(
    tmp_path: Path, workflow: str, branches: list[str]
) -> None:
    shop = rendered(tmp_path, *only("ecr", "github"), f"workflow={workflow}")
    pushes = {
        name: re.findall(r"branches: \[(.*)\]", (shop / name).read_text("utf-8"))
        for name in (IMAGE, CHECK)
    }
    checked = ["main", *(name for name in branches if workflow == "git-flow")]
    assert pushes == {IMAGE: [", ".join(branches)], CHECK: [", ".join(checked)]}
    assert f"a commit to `{branches[0]}`" in (shop / "docs/ecr.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("updates_by", "packaging"), [("none", "pip"), ("renovate", "poetry"), ("dependabot", "uv")]
)
def test_the_tools_of_the_field_find_nothing(
    tmp_path: Path, updates_by: str, packaging: str
) -> None:
    answers = (f"updates_by={updates_by}", f"packaging={packaging}", "workflow=git-flow")
    shop = rendered(tmp_path, *only("ecr", "github"), *answers)
    workflows = sorted((shop / ".github/workflows").iterdir())
    assert [path.name for path in workflows] == ["check.yml", "image.yml", "rules.yml"]
    assert findings(of_schema("vendor.github-workflows", *workflows)) == ""
    assert findings(actionlint(*workflows)) == ""
    assert findings(zizmor(shop / ".github")) == ""
    assert findings(yamllint(*(shop / ".github").rglob("*.yml"))) == ""
    assert findings(hadolint(shop / "Dockerfile")) == ""
    proposing = {
        "renovate": ("vendor.renovate", shop / "renovate.json"),
        "dependabot": ("vendor.dependabot", shop / ".github/dependabot.yml"),
    }
    for name, (schema, path) in proposing.items():
        assert path.exists() == (name == updates_by)
        if path.exists():
            assert findings(of_schema(schema, path)) == ""


def test_an_action_has_one_commit_in_all_workflows(tmp_path: Path) -> None:
    shop = rendered(tmp_path, *only("ecr", "github"))
    used: dict[str, set[str]] = {}
    for path in (shop / ".github/workflows").iterdir():
        for name, commit in re.findall(r"uses: ([\w/-]+)@(.*)", path.read_text("utf-8")):
            assert re.fullmatch(r"[0-9a-f]{40} # v\d+\.\d+\.\d+", commit)
            used.setdefault(name, set()).add(commit)
    assert {name for name, commits in used.items() if len(commits) > 1} == set()
    assert len(used) == 6


@pytest.mark.parametrize(
    ("right", "wrong", "tool", "told"),
    [
        (r"checkout@\w+ # v7.0.1", "checkout@v7", "zizmor", "unpinned-uses"),
        (r"\$GITHUB_REF_NAME", "${{ github.ref_name }}", "zizmor", "template-injection"),
        (
            r"permissions:\n(      .*\n)+",
            "permissions: write-all\n",
            "zizmor",
            "excessive-permissions",
        ),
        ("persist-credentials: false", "fetch-depth: 1", "zizmor", "artipacked"),
        ("runs-on: ubuntu-24.04", "runs-on: ubunto-24.04", "actionlint", "ubunto-24.04"),
        (r"steps.ecr.outputs", "steps.ecs.outputs", "actionlint", '"ecs" is not defined'),
        (r'>> "\$GITHUB_OUTPUT"', ">> $GITHUB_OUTPUT", "actionlint", "SC2086"),
    ],
)
def test_a_fault_that_is_planted_is_found(
    shop: Path, right: str, wrong: str, tool: str, told: str
) -> None:
    text, times = re.subn(right, lambda _: wrong, workflow(shop), count=1)
    assert times == 1
    (shop / IMAGE).write_text(text, "utf-8")
    command = zizmor(shop / ".github") if tool == "zizmor" else actionlint(shop / IMAGE)
    assert told in findings(command)


@pytest.mark.parametrize(
    ("reference", "kind", "name"),
    [
        ("develop", "branch", "team-dev/shop:17"),
        ("v0.1.0", "tag", "team-prod/shop:v0.1.0"),
        ("v0.2.0", "tag", None),
    ],
)
def test_the_image_is_named_by_what_was_pushed(
    shop: Path, tmp_path: Path, reference: str, kind: str, name: str | None
) -> None:
    told = yaml.safe_load(workflow(shop))
    (job,) = told["jobs"].values()
    (step,) = (step for step in job["steps"] if step.get("id") == "image")
    outputs = tmp_path / "outputs"
    given = {"GITHUB_REF_TYPE": kind, "GITHUB_REF_NAME": reference, "GITHUB_RUN_NUMBER": "17"}
    done = subprocess.run(
        ["/bin/bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=shop,
        env=os.environ | told["env"] | given | {"GITHUB_OUTPUT": str(outputs)},
        capture_output=True,
        text=True,
        check=False,
    )
    if name is None:
        assert done.returncode == 1
        assert (
            "::error::The tag is v0.2.0, and the version in pyproject.toml is 0.1.0" in done.stdout
        )
        assert not outputs.exists()
    else:
        assert outputs.read_text().splitlines() == [f"name={name}", "version=0.1.0"]


def test_the_policies_allow_what_the_workflow_does_on_the_repository_that_it_names(
    shop: Path,
) -> None:
    folder = shop / "deploy/ecr"
    policies = {path.stem: json.loads(path.read_text("utf-8")) for path in folder.iterdir()}
    log_in, push = policies["push-policy"]["Statement"]
    assert log_in["Action"] == "ecr:GetAuthorizationToken"
    assert push["Resource"] == "arn:aws:ecr:eu-west-1:000000000001:repository/team-dev/shop"
    assert all(action.startswith("ecr:") and "*" not in action for action in push["Action"])
    (trust,) = policies["trust-policy"]["Statement"]
    assert trust["Condition"].keys() == {"StringEquals"}
    (subject,) = (
        value for name, value in trust["Condition"]["StringEquals"].items() if name.endswith(":sub")
    )
    assert subject.endswith(":environment:dev")
    assert "environment: ${{" in workflow(shop)


def asked(shop: Path, **told: str) -> tuple[int, str]:
    """What the step of the rules says of a pull request or of a tag."""
    (job,) = yaml.safe_load((shop / RULES).read_text("utf-8"))["jobs"].values()
    (step,) = (step for step in job["steps"] if "run" in step)
    assert step["env"] == {"TITLE": "${{ github.event.pull_request.title }}"}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=shop,
        env=os.environ | told | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_rules_find_what_is_wrong_with_a_pull_request_or_a_tag(tmp_path: Path) -> None:
    """In a shallow clone, without a package."""
    shop = rendered(tmp_path, *only("github"), "workflow=git-flow")
    run(["git", "clone", "--quiet", "--depth=1", shop.as_uri(), "shallow"], tmp_path)

    def said(head: str, base: str, title: str) -> str:
        names = {
            "GITHUB_HEAD_REF": head,
            "GITHUB_BASE_REF": base,
            "GITHUB_REF": "refs/pull/1/merge",
        }
        code, text = asked(tmp_path / "shallow", TITLE=title, **names)
        assert code == (1 if text else 0)
        return text

    assert said("feat/log-in", "develop", "feat: log in") == ""
    assert said("release-v0.1.0", "main", "chore(release): 0.1.0") == ""
    assert "git branch -m feature-log-in feature/log-in" in said("feature-log-in", "develop", "x")
    assert "does not go into main" in said("feat/log-in", "main", "feat: log in")
    assert "to be version 0.2.0" in said("release-v0.2.0", "main", "chore(release): 0.2.0")
    pwned = tmp_path / "shallow/pwned"
    for title in ("Log in", f'"; touch {pwned}; "', f"$(touch {pwned})", "::error::feat: x", ""):
        told = said("feat/log-in", "develop", title)
        assert "The title of the pull request must say what kind of change it is" in told
        assert not title or title not in told
        assert not pwned.exists()
    assert asked(tmp_path / "shallow", GITHUB_REF="refs/tags/v0.1.0") == (0, "")
    assert "to be version 0.2.0" in asked(tmp_path / "shallow", GITHUB_REF="refs/tags/v0.2.0")[1]


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        (
            "-m workflow pipeline",
            '-m workflow "${{ github.event.pull_request.title }}"',
            "injection",
        ),
        ("-m workflow pipeline", "-m workflow ${{ github.head_ref }}", "injection"),
        ("permissions:\n      contents: read", "permissions: write-all", "excessive-permissions"),
        ("  pull_request:", "  pull_request_target:", "dangerous-triggers"),
    ],
)
def test_a_fault_in_the_rules_is_found(tmp_path: Path, right: str, wrong: str, told: str) -> None:
    shop = rendered(tmp_path, *only("github"), "workflow=trunk")
    text = (shop / RULES).read_text("utf-8")
    assert text.count(right) == 1
    (shop / RULES).write_text(text.replace(right, wrong), "utf-8")
    assert told in findings(zizmor(shop / ".github"))


def test_whoever_reviews_and_whoever_is_asked_finds_what_remarks_mean(tmp_path: Path) -> None:
    """Owners are filled in by people: until then the file is valid, and names nobody."""
    shop = rendered(tmp_path, *only("github"), "workflow=trunk")
    template = (shop / ".github/pull_request_template.md").read_text("utf-8")
    page = (shop / "docs/workflow.md").read_text("utf-8").replace("`", "")
    weights = re.findall(r"^\| P\d .*$", template, re.MULTILINE)
    assert [line.split("|")[3].strip() for line in weights] == [
        *("Request changes", "Comment", "Approve")
    ]
    assert all(line in page for line in weights)
    owners = (shop / ".github/CODEOWNERS").read_text("utf-8").splitlines()
    assert all(line.startswith("#") for line in owners)
