"""What the template has renamed follows into projects of older releases: their own code goes on.

Each has a module of its own that imports what had other names, and edits in files that had them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from bootstrap.project import releases
from tests import forkserver
from tests.conftest import ROOT, headstart, nightly_but
from tests.lifecycle.conftest import commit, write
from tests.project.conftest import git
from tests.rendered.gates import run
from tests.serving import published_at

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("project")]

VERSIONS = [each.version for each in releases.released() if each.number < (0, 8, 0)]
CHECKED = {"0.4.0", VERSIONS[-1]}  # in `make test`; all others in the nightly
SERVICE = '''\
"""What can be done with orders."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

from app.core import observers, outbox
from app.core.clock import happens
from app.core.database import WriteSession
from app.core.etag import Seen
from app.core.outages import DatabaseAway, Unconfirmed
from app.core.pagination import LARGEST_PAGE
from app.core.queues import Queue

SHIP = "orders.ship"
URGENT = Queue.HIGH
PATIENCE = timedelta(seconds=1)
LOST = (DatabaseAway, Unconfirmed)
ANY = Seen(None)
MOST = LARGEST_PAGE
WAIT = happens
SHIPPED: list[UUID] = []


async def ship(session: WriteSession) -> None:
    """Ship an order."""
    observers.count("orders", "shipped")
    await outbox.enqueue(session, SHIP, order_id=uuid4())
'''
TASKS = '''\
"""The jobs of orders."""

from __future__ import annotations

from uuid import UUID

from app.core.actors import Attempt, actor
from app.modules.orders.service import SHIP, SHIPPED, URGENT


@actor(SHIP, queue=URGENT)
async def ship(attempt: Attempt, order_id: UUID) -> None:
    """Ship an order."""
    async with attempt.finishes():
        SHIPPED.append(order_id)
'''
ENDPOINTS = '''\
"""The api of orders."""

from __future__ import annotations

from fastapi import APIRouter

from app.core.envelope import SuccessModel
from app.core.transactions import Writes
from app.modules.orders import service

router = APIRouter(prefix="/v1/orders", tags=["orders"])


@router.post("", status_code=202)
async def ship(writes: Writes) -> SuccessModel[str]:
    """Ship an order."""
    await service.ship(writes)
    return SuccessModel(data="shipped")
'''
TEST = '''\
"""Orders are shipped."""

from __future__ import annotations

import httpx

from app.core import actors
from app.core.actors import ACTORS
from app.modules.orders.service import SHIP


async def test_an_order_is_shipped(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/orders", json={})
    assert answer.status_code == 202
    assert ACTORS[SHIP].name == SHIP
    assert actors.pause_after(1).total_seconds() > 0
'''
# By the file that an edit is made in: the line that it is put after, and the file that has it then.
EDITS = {
    "app/core/actors.py": ("logger = structlog.get_logger(__name__)\n", "app/core/jobs.py"),
    "app/core/images.py": ("THUMBNAIL_SIZE = (256, 256)\n", "app/modules/profiles/images.py"),
    "app/core/observers.py": ("from typing import TYPE_CHECKING\n", "app/core/job_hooks.py"),
    "app/core/listing.py": ("LONGEST_KEY = 100\n", "app/core/listing.py"),
}
# Too little of it is the same there: an edit is a conflict, which says where it belongs now.
TOO_OLD = (VERSIONS[0], "app/core/actors.py")
MINE = "# mine, in {}\n"


def begun(folder: Path, version: str, edits: Mapping[str, tuple[str, str]]) -> Path:
    """A project of a release with a module of its own, and these edits."""
    headstart("new", "shop", "--defaults", "--version", version, cwd=folder, state=folder / "state")
    shop = folder / "shop"
    module = shop / "app/modules/orders"
    for name, text in (
        ("__init__", '"""Orders."""\n'),
        ("service", SERVICE),
        ("tasks", TASKS),
        ("endpoints", ENDPOINTS),
    ):
        write(module / f"{name}.py", text)
    write(shop / "tests/modules/test_orders.py", TEST)
    listed = shop / "app/modules/__init__.py"
    write(listed, listed.read_text().replace('("profiles",)', '("profiles", "orders")'))
    for name, (line, _) in edits.items():
        if (shop / name).exists() and line in (text := (shop / name).read_text()):
            write(shop / name, text.replace(line, line + MINE.format(name), 1))
    commit(shop)
    return shop


@pytest.mark.parametrize("version", nightly_but(*CHECKED, of=VERSIONS))
def test_own_code_and_edits_follow_the_renames(
    tmp_path: Path, everything: Path, version: str
) -> None:
    edits = {name: EDITS[name] for name in EDITS if (version, name) != TOO_OLD}
    shop = begun(tmp_path, version, edits)
    edited = git("show", "--name-only", "--format=", cwd=shop).split()
    told = headstart(
        *("update", "--to", "HEAD", "--no-verify", "--json"), cwd=shop, state=tmp_path / "state"
    )
    document = json.loads(told.splitlines()[-1])
    assert document["counts"].get("conflict", 0) == 0
    assert document["broken_imports"] == []
    for name, (_, new) in EDITS.items():
        if name in edited:
            assert MINE.format(name) in (shop / new).read_text()
    service = (shop / "app/modules/orders/service.py").read_text()
    assert "from app.core.jobs import wait_for_event" in service
    assert "app.core.outages" not in service
    (shop / ".venv").symlink_to(everything / ".venv")
    # As `update --verify` does with what it has rewritten.
    run([".venv/bin/ruff", "check", "--select=I", "--fix", "app", "tests"], shop)
    run([".venv/bin/ruff", "format", "app", "tests"], shop)
    run(["make", "check"], shop)
    assert "passed" in run([".venv/bin/python", "-m", "pytest", "-q", "tests/modules"], shop)


def test_an_edit_that_cannot_follow_is_told_with_its_new_place(tmp_path: Path) -> None:
    version, name = TOO_OLD
    shop = begun(tmp_path, version, {name: EDITS[name]})
    words = ("-m", "bootstrap", "update", "--to", "HEAD", "--no-verify", "--json")
    environment = os.environ | {"XDG_STATE_HOME": str(tmp_path / "state")}
    told = forkserver.of_headstart().run(*words, cwd=shop, env=environment)
    assert told.returncode == 1, told.stdout + told.stderr
    files = json.loads(told.stdout.splitlines()[-1])["files"]
    (conflict,) = (each for each in files if each["outcome"] == "conflict")
    assert conflict["path"] == name
    assert f"make your change in {EDITS[name][1]}" in conflict["advice"]
    assert MINE.format(name) in (shop / name).read_text()


def test_plain_copier_brings_the_old_paths(tmp_path: Path, project: Path) -> None:
    """It runs no codemods: what is imported by its old path is there, with a warning."""
    shop = begun(tmp_path, VERSIONS[-1], {})
    service = shop / "app/modules/orders/service.py"
    write(service, service.read_text().replace("from app.core.etag import Seen\n", ""))
    write(service, service.read_text().replace("ANY = Seen(None)\n", ""))
    commit(shop)
    source = published(tmp_path / "template")
    environment = os.environ | published_at(str(source), tmp_path / "cache")
    command = ("-m", "copier", "update", "--defaults", "--quiet")
    done = forkserver.of_headstart().run(*command, cwd=shop, env=environment)
    assert done.returncode == 0, done.stderr
    assert "app.core.actors" in (shop / "app/modules/orders/tasks.py").read_text()
    imports = "import app.modules.orders.tasks, app.core.jobs as j; print(sorted(j.JOB_KINDS))"
    python = str(project / ".venv/bin/python")
    said = run([python, "-W", "default", "-c", imports], shop)
    assert "['orders.ship']" in said
    assert "DeprecationWarning: app.core.actors is app.core.jobs now" in said
    run([python, "-m", "mypy", "app/modules/orders"], shop)


def published(repository: Path) -> Path:
    """A repository of all releases, and of the template as it is here as the newest."""
    git("init", "--quiet", str(repository), cwd=repository.parent)
    bundle = str(ROOT / "bootstrap" / releases.BUNDLE)
    git("fetch", "--quiet", bundle, "refs/tags/*:refs/tags/*", cwd=repository)
    git("checkout", "--quiet", f"v{releases.released()[-1].version}", cwd=repository)
    for name in ("template", "copier.yml"):
        git("rm", "-r", "--quiet", name, cwd=repository)
        git(f"--work-tree={ROOT}", "add", name, cwd=repository)
    git("commit", "--quiet", "--allow-empty", "--message", "The next release", cwd=repository)
    git("tag", "v99.0.0", cwd=repository)
    return repository
