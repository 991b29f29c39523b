"""The manifests: valid, in step with the app's settings, made for what rewrites their tags."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
import yaml

from tests.conftest import rendered
from tests.rendered.conftest import on_each_kind_of_server
from tests.rendered.gates import run
from tests.rendered.matrix import only
from tests.rendered.servers import engine_of
from tests.rendered.tools import findings, kubernetes, of_schema, yamllint

pytestmark = pytest.mark.slow

SCHEMAS = Path(__file__).with_name("schemas")
ENVIRONMENTS = ("dev", "prod")
OURS = ("namespace=team", "aws_account=000000000001", "region=eu-west-1", "domain=shop.example")
HOST = "000000000001.dkr.ecr.eu-west-1.amazonaws.com"
Manifest = dict[str, Any]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return rendered(
        tmp_path, *only("gitops", "operations", "ecr"), *OURS, "tag_written_by=workflow"
    )


def manifest(shop: Path, environment: str) -> Path:
    return shop / f"deploy/gitops/apps/team-{environment}/shop/shop.yaml"


def documents(path: Path) -> list[Manifest]:
    return list(yaml.safe_load_all(path.read_text("utf-8")))


def of_kind(shop: Path, environment: str, kind: str) -> Iterator[Manifest]:
    return (each for each in documents(manifest(shop, environment)) if each["kind"] == kind)


def pods(shop: Path, environment: str) -> dict[str, Manifest]:
    """The pods of an environment by what runs in them."""
    kinds = (*of_kind(shop, environment, "Deployment"), *of_kind(shop, environment, "Job"))
    templates = [each["spec"]["template"] for each in kinds]
    component = "app.kubernetes.io/component"
    return {each["metadata"]["labels"][component]: each["spec"] for each in templates}


def custom(path: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """Each document of which Kubernetes has no schema, in a file of its own, with ours."""
    folder.mkdir(exist_ok=True)
    for number, each in enumerate(documents(path)):
        if (SCHEMAS / f"{each['kind']}.json").exists():
            alone = folder / f"{number}.json"
            alone.write_text(json.dumps(each), "utf-8")
            yield str(SCHEMAS / f"{each['kind']}.json"), alone


def all_findings(path: Path, folder: Path) -> str:
    found = [findings(yamllint(path)), findings(kubernetes(path))]
    found += [findings(of_schema(schema, alone)) for schema, alone in custom(path, folder)]
    return "".join(found)


@pytest.mark.parametrize("database", ["postgresql", "mysql"])
def test_the_tools_of_the_field_find_nothing(tmp_path: Path, database: str) -> None:
    shop = rendered(tmp_path, *only("gitops"), f"database={database}", *OURS)
    paths = [manifest(shop, each) for each in ENVIRONMENTS]
    paths += sorted((shop / "deploy/gitops/applications").iterdir())
    assert len(paths) == 4
    told = [kind["kind"] for path in paths for kind in documents(path)]
    assert {path.stem for path in SCHEMAS.iterdir()} <= set(told)
    for path in paths:
        assert all_findings(path, tmp_path / "alone") == ""


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("readinessProbe:", "readynessProbe:", "readynessProbe"),
        ("containerPort: 8080", "containerPort: http", "integer"),
        ("maxUnavailable: 1", "maxUnavailible: 1", "maxUnavailible"),
        ("retryOn:", "retryon:", "retryon"),
        ("number: 80", 'number: "80"', "integer"),
        ("targetQueryValue:", "queryValue:", "not valid under any of the given schemas"),
        ("parameter: connection", "parameter: url", "url"),
        ("  name: shop\n", "  name: shop\n  name: shop\n", "duplication"),
    ],
)
def test_a_fault_that_is_planted_is_found(
    shop: Path, tmp_path: Path, right: str, wrong: str, told: str
) -> None:
    path = manifest(shop, "prod")
    text = path.read_text("utf-8")
    assert right in text
    path.write_text(text.replace(right, wrong, 1), "utf-8")
    assert told in all_findings(path, tmp_path / "alone")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_pods_are_in_step_with_the_image_and_the_settings(
    shop: Path, everything: Path, environment: str
) -> None:
    read = (
        "import json; from app.settings import Settings as S; s = S();"
        "print(json.dumps([s.request_grace.total_seconds(), s.job_grace.total_seconds(),"
        "s.database_wait.total_seconds()]))"
    )
    python = everything / ".venv/bin/python"
    request, job, wait = json.loads(subprocess.check_output([python, "-c", read], cwd=shop))
    found = pods(shop, environment)
    assert found.keys() == {"api", "worker", "migrate"}
    for name, pod in found.items():
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsUser"] == 10001
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert "cpu" not in container["resources"]["limits"]
        if name != "migrate":
            sleep = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {})
            needed = sleep.get("seconds", 0) + request + job
            assert pod["terminationGracePeriodSeconds"] > needed
            assert container["readinessProbe"]["timeoutSeconds"] > wait
            assert pod["nodeSelector"] == {"kubernetes.io/arch": "amd64"}
    dockerfile = (shop / "Dockerfile").read_text("utf-8")
    (port,) = (each["containerPort"] for each in found["api"]["containers"][0]["ports"])
    assert f"EXPOSE {port}\n" in dockerfile
    assert "USER 10001:10001" in dockerfile
    settings = next(of_kind(shop, environment, "ConfigMap"))["data"]
    (health,) = (each["containerPort"] for each in found["worker"]["containers"][0]["ports"])
    assert settings["WORKER_HEALTH_PORT"] == str(health)


def test_an_image_for_both_processors_runs_on_all_nodes(tmp_path: Path) -> None:
    answers = (*only("gitops"), *OURS, "platforms=linux/amd64,linux/arm64")
    assert "nodeSelector" not in manifest(rendered(tmp_path, *answers), "prod").read_text("utf-8")


def test_what_selects_something_selects_what_is_there(shop: Path) -> None:
    """Services, budgets and policies by labels; autoscalers, traffic and secrets by names."""
    for environment in ENVIRONMENTS:
        told = documents(manifest(shop, environment))
        named = {(each["kind"], each["metadata"]["name"]) for each in told}
        assert len(named) == len(told)
        assert {each["metadata"]["namespace"] for each in told} == {f"team-{environment}"}
        deployments = [each for each in told if each["kind"] == "Deployment"]
        labels = [each["spec"]["template"]["metadata"]["labels"] for each in deployments]
        for each in told:
            spec = each.get("spec", {})
            selector = spec.get("podSelector", spec.get("selector"))
            if isinstance(selector, dict):
                wanted = selector.get("matchLabels", selector).items()
                assert any(wanted <= has.items() for has in labels), each["kind"]
            if "scaleTargetRef" in spec:
                assert ("Deployment", spec["scaleTargetRef"]["name"]) in named
            for trigger in spec.get("triggers", ()):
                assert ("TriggerAuthentication", trigger["authenticationRef"]["name"]) in named
        (application,) = documents(shop / f"deploy/gitops/applications/shop-{environment}.yaml")
        assert manifest(shop, environment).parent == (
            shop / "deploy/gitops" / application["spec"]["source"]["path"]
        )
        assert application["spec"]["destination"]["namespace"] == f"team-{environment}"


def test_migrations_come_after_the_settings_and_before_the_code(shop: Path) -> None:
    def wave(each: Manifest) -> int:
        return int(each["metadata"].get("annotations", {}).get("argocd.argoproj.io/sync-wave", 0))

    told = documents(manifest(shop, "prod"))
    waves = {each["kind"]: wave(each) for each in told}
    assert waves["ServiceAccount"] == waves["ConfigMap"] < waves["Job"] < waves["Deployment"]
    (job,) = of_kind(shop, "prod", "Job")
    hooks = {
        name.rpartition("/")[2]: value for name, value in job["metadata"]["annotations"].items()
    }
    assert (hooks["hook"], hooks["hook-delete-policy"]) == ("Sync", "BeforeHookCreation")
    assert "docs/migrations.md" in (shop / "docs/gitops.md").read_text("utf-8")


def rewritten(text: str, repository: str, tag: str) -> str:
    """What a function does that hears of an image: replace what follows the last colon."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if f"image: {HOST}/{repository}:" in line:
            lines[number] = f"{line.rpartition(':')[0]}:{tag}"
    return "\n".join(lines)


def images(told: list[Manifest]) -> list[str]:
    """Every image, wherever in a manifest."""
    texts = json.dumps(told)
    return re.findall(r'"image": "([^"]*)"', texts)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_new_tag_changes_the_images_and_nothing_else(shop: Path, environment: str) -> None:
    path = manifest(shop, environment)
    before = documents(path)
    repository = f"team-{environment}/shop"
    after = list(yaml.safe_load_all(rewritten(path.read_text("utf-8"), repository, "v9.8.7")))
    assert images(after) == [f"{HOST}/{repository}:v9.8.7"] * 3
    (tag,) = {image.rpartition(":")[2] for image in images(before)}
    assert json.loads(json.dumps(after).replace("v9.8.7", tag)) == before


def test_the_workflow_writes_the_same_tag_once_however_often_it_runs(
    shop: Path, tmp_path: Path
) -> None:
    """Into a real repository, to which somebody else pushes in between."""
    origin, clone = tmp_path / "origin.git", tmp_path / "clone"
    git("init", "--quiet", "--bare", "--initial-branch=main", str(origin))
    git("clone", "--quiet", str(origin), str(clone))
    shutil.copytree(shop / "deploy/gitops", clone, dirs_exist_ok=True)
    git("add", "--all", cwd=clone)
    git("commit", "--quiet", "--message", "Begin", cwd=clone)
    git("push", "--quiet", "origin", "HEAD:main", cwd=clone)
    expected = rewritten(
        manifest(clone.parent / "shop", "dev").read_text("utf-8"), "team-dev/shop", "17"
    )

    def write(name: str) -> subprocess.CompletedProcess[str]:
        settings = {"NAME": name, "REGISTRY": HOST, "GITOPS_REPOSITORY": f"file://{origin}"}
        return subprocess.run(
            [shop / "deploy/gitops/write-tag.sh"],
            cwd=tmp_path,
            env=os.environ | settings | {"GITOPS_TOKEN": "secret"},
            capture_output=True,
            text=True,
            check=False,
        )

    assert "17" in write("team-dev/shop:17").stdout
    shown = git("show", "main:apps/team-dev/shop/shop.yaml", cwd=origin)
    assert shown == expected
    assert "has 17 already" in write("team-dev/shop:17").stdout
    assert git("rev-list", "--count", "main", cwd=origin).strip() == "2"
    missing = write("team-dev/other:1")
    assert missing.returncode == 1
    assert "has no apps/team-dev/other/other.yaml" in missing.stderr


def git(*words: str, cwd: Path | None = None) -> str:
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@localhost")
    return run(["git", *who, *words], cwd or Path.cwd())


@on_each_kind_of_server
@pytest.mark.usefixtures("backend")
def test_keda_asks_for_the_jobs_that_wait_and_for_how_long(
    tmp_path: Path, database_url: str
) -> None:
    kind = sa.make_url(database_url).get_backend_name()
    shop = rendered(tmp_path, *only("gitops"), f"database={kind}", *OURS)
    (scaled,) = of_kind(shop, "prod", "ScaledObject")
    waiting, oldest = (each["metadata"]["query"] for each in scaled["spec"]["triggers"])
    assert {each["type"] for each in scaled["spec"]["triggers"]} == {kind}
    now = datetime.now(UTC).replace(tzinfo=None if kind == "mysql" else UTC)
    ago, later = now - timedelta(minutes=5), now + timedelta(hours=1)
    rows: list[dict[str, object]] = [
        {"created_at": ago, "due_at": now, "began_at": None},  # due
        {"created_at": now, "due_at": now + timedelta(seconds=30), "began_at": None},  # sent
        {"created_at": ago, "due_at": later, "began_at": None},  # scheduled
        {"created_at": ago, "due_at": now, "began_at": now},  # running
        {"created_at": ago, "due_at": None, "began_at": None},  # dead
    ]
    engine = engine_of(database_url)
    with engine.begin() as connection:
        table = sa.Table("outbox", sa.MetaData(), autoload_with=connection)
        empty: object = "{}" if kind == "mysql" else {}  # MariaDB has a text for it
        usual: dict[str, object] = {
            "actor": "none",
            "arguments": empty,
            "correlation_id": "1",
            "headers": empty,
        }
        assert connection.execute(sa.text(waiting)).scalar() == 0
        assert int(connection.execute(sa.text(oldest)).scalar_one()) == 0
        for row in rows:
            identity = uuid4() if kind == "postgresql" else uuid4().hex
            connection.execute(table.insert(), {**usual, **row, "id": identity, "attempts": 0})
        assert connection.execute(sa.text(waiting)).scalar() == 2
        assert 290 <= float(connection.execute(sa.text(oldest)).scalar_one()) <= 400
