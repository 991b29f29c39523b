"""The documents of a project are followed in that project: its README, and what is in docs/.

`docs/migrations.md` is followed where migrations fail: tests/rendered/migrate/test_story.py.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from bootstrap import pyenv
from tests.conftest import install, rendered
from tests.documents.blocks import Reader
from tests.documents.conftest import shorten_the_suite
from tests.installed import pythons
from tests.rendered.matrix import features_on
from tests.rendered.servers import free_port
from tests.rendered.test_postman import newman  # noqa: F401 - a fixture
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("documents")]

DEAD = """
INSERT INTO outbox (id, actor, arguments, correlation_id, headers, created_at, attempts, error)
VALUES (?, 'profiles.make_thumbnail', '{}', 'a', '{}', '2026-01-02 03:04:05', 8, 'ValueError: no')
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with every feature, whose packages are there already: uv brings them sooner."""
    shop = rendered(
        tmp_path_factory.mktemp("render"),
        "preset=custom",
        f"features=[{', '.join(features_on('sqlite'))}]",
    )
    install(shop, shop / "requirements-dev.lock", pythons.of("3.13"))
    shorten_the_suite(shop / "pyproject.toml")
    newcomer = reader(shop, "README.md")
    newcomer.follow(shop)
    assert newcomer.has_read_all()
    return shop


def environment(shop: Path) -> dict[str, str]:
    """The shell of somebody who has activated the project's environment."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "PYTHON"))}
    path = (shop / ".venv/bin", sysconfig.get_path("scripts"), os.environ["PATH"])
    return inherited | {
        "PATH": ":".join(map(str, path)),
        "HOME": str(shop.parent),
        "PYENV_ROOT": str(pyenv.root(os.environ)),
        "HEADSTART_STATE_DIR": str(shop.parent / "state"),
    }


def reader(shop: Path, document: str) -> Reader:
    return Reader.of(shop / document, environment(shop))


def test_the_readme_ends_with_a_project_that_works(shop: Path) -> None:
    assert (shop / ".env").exists()
    assert (shop / "postman/collection").is_dir()


@pytest.mark.nightly
def test_dead_jobs_are_looked_at_requeued_and_purged(shop: Path) -> None:
    job = uuid4()
    with sqlite3.connect(shop / "var/app.db") as database:
        database.execute(DEAD, [job.hex])
    operator = reader(shop, "docs/operations.md")
    said = operator.follow(shop)
    assert f"{job}  dead" in said
    assert "1 jobs requeued" in said
    assert "drained: no job runs" in operator.follow(shop)
    assert operator.has_read_all()


def test_a_client_is_registered_rotated_and_revoked(shop: Path) -> None:
    administrator = reader(shop, "docs/security.md")
    assert "billing" in administrator.follow(shop)
    assert administrator.has_read_all()


@pytest.mark.nightly
def test_a_message_is_handed_over_and_its_recipient_suppressed(shop: Path) -> None:
    operator = reader(shop, "docs/notifications.md")
    said = operator.follow(shop)
    assert "Accepted: written to var/mail/" in said
    assert "ada@example.com  by wish" in said
    assert "ada@example.com is allowed again" in said
    assert operator.has_read_all()


@pytest.mark.nightly
def test_webhooks_are_listed_and_endpoints_added(shop: Path) -> None:
    operator = reader(shop, "docs/webhooks.md")
    assert "0 webhooks" in operator.follow(shop)
    said = operator.follow(shop)
    assert "whsec_" in said
    assert "1 endpoints" in said
    assert operator.has_read_all()


@pytest.mark.nightly
def test_keys_are_rotated_and_the_master_key_is_replaced(shop: Path) -> None:
    operator = reader(shop, "docs/keys.md")
    said = operator.follow(shop)
    assert "made the next signing key" in said
    assert "columns are sealed by the current data key" in said
    assert "keys were wrapped by" in said
    assert operator.has_read_all()


def test_a_period_is_closed_restored_and_archived(shop: Path) -> None:
    with sqlite3.connect(shop / "var/app.db") as database:
        database.execute("DELETE FROM outbox")
    operator = reader(shop, "docs/periods.md")
    assert "CREATE TRIGGER period_insert_" in operator.follow(shop)
    said = operator.follow(shop)
    assert "2020 is open: 2020-01-01 to 2020-12-31, UTC" in said
    assert "1 periods" in said
    said = operator.follow(shop)
    assert "the digests of every table are equal" in said
    assert "closed    Ada Lovelace: the year is over" in said
    assert "the digests of every table are equal" in operator.follow(shop)
    assert "2020 is archived" in operator.follow(shop)
    assert operator.has_read_all()


@pytest.mark.nightly
def test_statistics_are_counted_and_a_table_is_marked(shop: Path) -> None:
    operator = reader(shop, "docs/statistics.md")
    assert "CREATE TRIGGER statistics_insert_" in operator.follow(shop)
    said = operator.follow(shop)
    assert "days were counted" in said
    assert "day  department  created" in said
    said = operator.follow(shop)
    assert "profiles_created: every day before" in said
    assert "profiles.created_at: 2026-01-01 to 2026-01-31" in said
    assert operator.has_read_all()


def test_a_file_is_asked_for_and_listed(shop: Path) -> None:
    operator = reader(shop, "docs/transfers.md")
    said = operator.follow(shop)
    assert "queued" in said
    assert operator.has_read_all()


def test_the_gateways_folder_is_written(shop: Path) -> None:
    publisher = reader(shop, "docs/gateway.md")
    assert "wrote deploy/gateway/azure/configuration.prod.yaml" in publisher.follow(shop)
    assert publisher.has_read_all()


def test_rundecks_jobs_are_written(shop: Path) -> None:
    operator = reader(shop, "docs/rundeck.md")
    assert "deploy/rundeck/jobs.json has 54 jobs" in operator.follow(shop)
    assert operator.has_read_all()


@pytest.mark.nightly
def test_newman_runs_the_collection(shop: Path, newman: Path, api: None) -> None:  # noqa: F811, ARG001
    (shop / "node_modules").symlink_to(newman.parents[1])
    tester = reader(shop, "docs/postman.md")
    assert "assertions" in tester.follow(shop)
    assert tester.has_read_all()


@pytest.fixture
def api(shop: Path) -> Iterator[None]:
    """The project's api, where its `.env` says, and its collection for it."""
    port = free_port()
    with (shop / ".env").open("a") as settings:
        settings.write(f"PORT={port}\n")
    own = environment(shop)
    subprocess.run(["/usr/bin/make", "up"], cwd=shop, env=own, check=True)
    process = subprocess.Popen(["/usr/bin/make", "api"], cwd=shop, env=own, start_new_session=True)
    try:
        wait_until(lambda: process.poll() is None and _is_ready(port), "the api to be ready")
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").is_success
    except httpx.TransportError:
        return False
