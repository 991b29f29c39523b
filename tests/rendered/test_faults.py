"""Servers die, forget, come late and disagree about the time: nothing acknowledged is ever lost.

Real processes, real servers, real kills. What clients were told is compared with what the database
holds, by employee number; effects are counted by the database itself.
"""

from __future__ import annotations

import json
import signal
import socket
import time
from pathlib import Path

import httpx
import pytest

from tests.rendered.conftest import on_each_kind_of_server, on_postgresql
from tests.rendered.load import Outcomes, crowd, writers
from tests.rendered.processes import Backend, create_profile, draft_of, picture, upload
from tests.rendered.servers import (
    SqlServer,
    free_port,
    listens,
    program,
    redis_server,
    running,
    running_redis,
)
from tests.waiting import DEADLINE, wait_until

pytestmark = pytest.mark.slow

SHORT_LEASE = {"JOB_LEASE": "PT3S"}
CLIENTS = 6


def assert_the_database_holds_what_clients_were_told(backend: Backend, told: Outcomes) -> None:
    """Every acknowledged write is there; what is there besides was answered by an error."""
    stored = {str(row[0]) for row in backend.query("SELECT employee_number FROM profiles")}
    assert not told.wrong
    assert told.acknowledged <= stored, "an acknowledged write is lost"
    assert stored - told.acknowledged <= told.unknown, "a write nobody asked for"


def assert_every_upload_took_effect_once(backend: Backend, told: Outcomes) -> None:
    wait_until(lambda: backend.count("SELECT count(*) FROM outbox") == 0, "an empty outbox")
    counted = {
        str(row[0]): int(str(row[1])) for row in map(tuple, backend.query(EFFECTS_PER_PROFILE))
    }
    assert set(counted.values()) == {1}, "a job took effect twice"
    assert told.uploaded <= set(counted), "an accepted job was never done"
    assert set(counted) - told.uploaded <= told.unknown
    uploads = backend.count("SELECT count(*) FROM profile_headshots")
    assert len(counted) == uploads, "a stored picture has no thumbnail"


EFFECTS_PER_PROFILE = """
SELECT p.employee_number, count(*) FROM effects e
JOIN profiles p ON replace(CAST(p.id AS CHAR(36)), '-', '') = replace(e.profile_id, '-', '')
GROUP BY p.employee_number
"""


@on_each_kind_of_server
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_database_that_restarts_under_load_loses_nothing(
    backend: Backend, server: SqlServer, tmp_path: Path, how: signal.Signals
) -> None:
    fast = server.ends_by if how is signal.SIGTERM else how
    with running_redis(tmp_path) as (url, _):
        _, client = backend.start_api(REDIS_URL=url, **SHORT_LEASE)
        backend.start_worker(REDIS_URL=url, **SHORT_LEASE)
        with writers(client.base_url, CLIENTS) as told:
            for _ in range(2):
                wait_for_more(told, 25)
                server.end(fast)
                time.sleep(0.5)
                server.start()
            wait_for_more(told, 25)
        assert told.unknown, "nobody noticed the restarts: this has proved nothing"
        assert_the_database_holds_what_clients_were_told(backend, told)
        assert_every_upload_took_effect_once(backend, told)


def wait_for_more(told: Outcomes, number: int) -> None:
    aim = len(told.uploaded) + number
    wait_until(lambda: len(told.uploaded) >= aim, f"{number} more uploads")


def test_a_redis_that_is_killed_and_forgets_loses_no_job(backend: Backend, tmp_path: Path) -> None:
    with running(redis_server(tmp_path)) as redis:
        _, client = backend.start_api(REDIS_URL=redis.url, **SHORT_LEASE)
        backend.start_worker(REDIS_URL=redis.url, **SHORT_LEASE)
        with writers(client.base_url, CLIENTS) as told:
            for _ in range(2):
                wait_for_more(told, 30)
                redis.end(signal.SIGKILL)
                wait_for_more(told, 10)
                redis.start()
            wait_for_more(told, 30)
        assert not told.unknown, "a request has failed because Redis was away"
        assert_every_upload_took_effect_once(backend, told)


def test_jobs_are_done_while_redis_has_not_come_yet(backend: Backend, tmp_path: Path) -> None:
    redis = redis_server(tmp_path)
    _, client = backend.start_api(REDIS_URL=redis.url, **SHORT_LEASE)
    worker = backend.start_worker(REDIS_URL=redis.url, **SHORT_LEASE)
    for number in range(5):
        upload(client, create_profile(client, number), picture())
    backend.wait_for_thumbnails(5)
    assert worker.poll() is None, "the worker has ended instead of waiting"
    with running(redis):
        upload(client, create_profile(client, 5), picture())
        backend.wait_for_thumbnails(6)
        backend.assert_each_job_took_effect_once(6)


@on_each_kind_of_server
def test_two_apis_and_two_workers_do_each_job_once(backend: Backend, tmp_path: Path) -> None:
    with running_redis(tmp_path) as (url, _):
        clients = [backend.start_api(REDIS_URL=url, JOB_POLL="PT0.02S")[1] for _ in range(2)]
        for _ in range(2):
            backend.start_worker(REDIS_URL=url, JOB_POLL="PT0.02S")
        first, second = (client.base_url for client in clients)
        with writers(first, 3) as one, writers(second, 3, prefix="M") as other:
            wait_for_more(one, 40)
            wait_for_more(other, 20)
        both = Outcomes(one.acknowledged | other.acknowledged, one.uploaded | other.uploaded)
        assert one.wrong == other.wrong == []
        assert_the_database_holds_what_clients_were_told(backend, both)
        assert_every_upload_took_effect_once(backend, both)


@on_postgresql
def test_a_commit_that_fails_is_a_5xx_and_no_row(backend: Backend) -> None:
    _, client = backend.start_api()
    path = create_profile(client, 1)
    backend.execute(REFUSE_AT_COMMIT)
    refused = client.post("/v1/profiles", json=draft_of("E-2"))
    assert refused.status_code == 500
    assert refused.headers["content-type"] == "application/problem+json"
    assert client.put(f"{path}/headshot", files={"image": picture()}).status_code == 500
    assert backend.count("SELECT count(*) FROM profiles") == 1
    for table in ("profile_headshots", "outbox"):
        assert backend.count(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 - our own names


REFUSE_AT_COMMIT = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'refused at commit'; END $$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON profiles
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON outbox
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
"""


@on_postgresql
def test_workers_an_hour_apart_do_each_job_once(backend: Backend, tmp_path: Path) -> None:
    with running_redis(tmp_path) as (url, _):
        _, client = backend.start_api(REDIS_URL=url, **SHORT_LEASE)
        for offset in ("+1h", "-1h"):
            worker = [program("faketime"), "-f", offset, backend.python, "-m", "app", "worker"]
            backend.spawn(worker, REDIS_URL=url, **SHORT_LEASE)
        with writers(client.base_url, 3) as told:
            wait_for_more(told, 25)
        assert not told.unknown
        assert_every_upload_took_effect_once(backend, told)


@pytest.mark.parametrize("clients", [64, 400])
@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_many_clients_of_one_process_are_all_answered(backend: Backend, clients: int) -> None:
    # Nobody is to be sent away: that all are answered is what is counted here.
    _, client = backend.start_api(DATABASE_WAIT=f"PT{DEADLINE:.0f}S")
    paths = [create_profile(client, number) for number in range(20)]
    reads = [request("GET", "/v1/profiles"), request("GET", paths[0])]
    writes = [request("POST", "/v1/profiles", draft_of(f"C-{n}")) for n in range(clients)]
    statuses = crowd(client.base_url, clients, [*reads * clients, *writes])
    assert statuses == {200: 2 * clients, 201: clients}
    assert backend.count("SELECT count(*) FROM profiles") == 20 + clients


def request(method: str, path: str, body: dict[str, str] | None = None) -> bytes:
    payload = json.dumps(body).encode() if body else b""
    head = f"{method} {path} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(payload)}\r\n\r\n".encode() + payload


@on_each_kind_of_server
def test_a_database_that_is_away_is_a_503_until_it_is_back(
    backend: Backend, server: SqlServer
) -> None:
    _, client = backend.start_api(DATABASE_WAIT="PT1S")
    path = create_profile(client, 1)
    server.end(server.ends_by)
    try:
        for number, method in enumerate(["GET", "POST", "GET", "POST"]):
            body = draft_of(f"E-{number}") if method == "POST" else None
            answer = client.request(method, "/v1/profiles", json=body)
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["retry-after"]) > 0
            assert "nothing was changed" in answer.json()["detail"]
    finally:
        server.start()
    wait_until(lambda: client.get(path).is_success, "the profile to be there again")
    assert backend.count("SELECT count(*) FROM profiles") == 1


@on_postgresql
@pytest.mark.parametrize("when", ["IMMEDIATE", "DEFERRED"])
def test_a_connection_that_dies_is_told_apart_from_one_that_dies_in_the_commit(
    backend: Backend, when: str
) -> None:
    _, client = backend.start_api()
    backend.execute(DIE, f"{DIE_WHEN} INITIALLY {when} FOR EACH ROW EXECUTE FUNCTION die()")
    plain = client.post("/v1/profiles", json=draft_of("E-1"))
    keyed = client.post("/v1/profiles", json=draft_of("E-1"), headers={"Idempotency-Key": "1"})
    if when == "IMMEDIATE":
        assert (plain.status_code, keyed.status_code) == (503, 503)
        assert "nothing was changed" in plain.json()["detail"]
    else:
        assert (plain.status_code, keyed.status_code) == (500, 500)
        assert "not known" in plain.json()["detail"]
        assert "Idempotency-Key" not in plain.json()["detail"]
        assert "the same Idempotency-Key" in keyed.json()["detail"]
    assert backend.count("SELECT count(*) FROM profiles") == 0
    backend.execute("DROP TRIGGER die ON profiles")
    again = client.post("/v1/profiles", json=draft_of("E-1"), headers={"Idempotency-Key": "1"})
    assert again.status_code == 201


DIE = """
CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$
"""
DIE_WHEN = "CREATE CONSTRAINT TRIGGER die AFTER INSERT ON profiles DEFERRABLE"


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_server_that_never_says_a_word_is_a_503(unmigrated: Backend, kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        unmigrated.environment["DATABASE_URL"] = f"{kind}://nobody@{address}/nothing"
        port = free_port()
        api = unmigrated.start("api", PORT=str(port), DATABASE_WAIT="PT1S")
        wait_until(lambda: listens(port), "the api to listen")
        answer = httpx.get(f"http://127.0.0.1:{port}/v1/profiles", timeout=DEADLINE)
        unmigrated.kill(api)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
