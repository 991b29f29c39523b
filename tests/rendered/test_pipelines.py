"""The workflow that pushes images, and who proposes newer ones: linted, and run where it can."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.conftest import rendered
from tests.rendered.matrix import only
from tests.rendered.tools import actionlint, findings, hadolint, of_schema, yamllint, zizmor

pytestmark = pytest.mark.slow

IMAGE = ".github/workflows/image.yml"
OURS = ("namespace=team", "aws_account=000000000001", "region=eu-west-1")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return rendered(tmp_path, *only("ecr"), *OURS)


def workflow(shop: Path) -> str:
    return (shop / IMAGE).read_text("utf-8")


@pytest.mark.parametrize(
    ("updates_by", "packaging"), [("none", "pip"), ("renovate", "poetry"), ("dependabot", "pip")]
)
def test_the_tools_of_the_field_find_nothing(
    tmp_path: Path, updates_by: str, packaging: str
) -> None:
    answers = (f"updates_by={updates_by}", f"packaging={packaging}")
    shop = rendered(tmp_path, *only("ecr", "github"), *answers)
    workflows = sorted((shop / ".github/workflows").iterdir())
    assert [path.name for path in workflows] == ["check.yml", "image.yml"]
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
