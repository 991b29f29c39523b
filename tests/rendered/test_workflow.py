"""The workflow for GitHub is run step by step: here, on a server of the kind that it asks for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from sqlalchemy import make_url

from tests.conftest import headstart
from tests.rendered.gates import run
from tests.rendered.servers import SqlServer

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("project")]

FILE = ".github/workflows/check.yml"


class Job(NamedTuple):
    """The one job of the workflow, as far as it can be run anywhere."""

    services: dict[str, dict[str, object]]
    environment: dict[str, str]
    commands: list[str]


def read_job(shop: Path) -> Job:
    (job,) = yaml.safe_load((shop / FILE).read_text("utf-8"))["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]
    return Job(job.get("services", {}), job.get("env", {}), commands)


def rendered(folder: Path, database: str) -> Path:
    data = ("--data", f"database={database}", "--data", "features=github")
    answers = ("--preset", "custom", *data, "--defaults")
    headstart("new", "shop", *answers, cwd=folder, state=folder / "state")
    return folder / "shop"


def test_every_step_of_the_workflow_passes(
    project: Path, postgresql: SqlServer, tmp_path: Path
) -> None:
    """With a Python on PATH, as the step before leaves it, and the service where it is here."""
    shop = rendered(tmp_path, "postgresql")
    job = read_job(shop)
    assert job.environment.keys() == {"TEST_DATABASE_URL"}
    path = os.pathsep.join([str(project / ".venv/bin"), os.environ["PATH"]])
    settings = {"PATH": path, "TEST_DATABASE_URL": postgresql.new_database()}
    settings["PYTEST_ADDOPTS"] = "-k migrations"  # of a suite that others run whole
    for command in job.commands:
        run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command], shop, **settings)


@pytest.mark.parametrize("database", ["postgresql", "mysql"])
def test_the_tests_look_for_the_service_where_it_listens(tmp_path: Path, database: str) -> None:
    job = read_job(rendered(tmp_path, database))
    (service,) = job.services.values()
    port = make_url(job.environment["TEST_DATABASE_URL"]).port
    assert service["ports"] == [f"{port}:{port}"]


def test_sqlite_needs_no_service(tmp_path: Path) -> None:
    job = read_job(rendered(tmp_path, "sqlite"))
    assert not job.services
    assert not job.environment
