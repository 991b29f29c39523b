"""Exports in a bucket of S3: the server is moto's, with an environment of its own.

A file has many parts here, is fetched by range, and expires; nobody's upload is left open.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.rendered.peers import environment
from tests.rendered.processes import Backend
from tests.rendered.servers import free_port, listens
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).with_name("exports_program.py").read_text("utf-8")
URL = "/v1/exports/profiles"
ROWS = 80_000  # more than one part of 8 MiB
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
PREFIX = "shop/"
BUCKET = """
import os, sys
from botocore.session import get_session
client = get_session().create_client("s3", endpoint_url=sys.argv[2], region_name="ap-northeast-2")
if sys.argv[1] == "make":
    where = {"LocationConstraint": "ap-northeast-2"}
    client.create_bucket(Bucket="files", CreateBucketConfiguration=where)
for each in client.list_objects_v2(Bucket="files").get("Contents", ()):
    print(each["Key"])
for each in client.list_multipart_uploads(Bucket="files").get("Uploads", ()):
    print("open", each["Key"])
"""


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an S3 of this run's own."""
    programs = environment(tmp_path_factory.mktemp("moto"))
    port = free_port()
    serve = [str(programs / "moto_server"), "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: listens(port), "moto to listen")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def test_files_are_kept_in_a_bucket(backend: Backend, moto: str, tmp_path: Path) -> None:
    own = {
        "TRANSFERS_FOLDER": str(tmp_path / "transfers"),
        "TRANSFERS_S3_BUCKET": "files",
        "TRANSFERS_S3_PREFIX": PREFIX,
        "TRANSFERS_S3_REGION": "ap-northeast-2",
        "TRANSFERS_S3_ENDPOINT": moto,
        "TRANSFERS_KEEP": "PT1H",
        "TRANSFERS_CLEANING": "PT0.2S",
    }
    backend.environment |= KEYS | own
    backend.run("-c", BUCKET, "make", moto)
    backend.run("-c", PROGRAM, "seed", str(ROWS))
    _, client = backend.start_api()
    answer = client.post(URL, json={"query": {"sort": "employee_number"}})
    path = f"{URL}/{answer.json()['data']['id']}"
    wait_until(lambda: client.get(path).json()["data"]["state"] == "ready", "the file")
    export = client.get(path).json()["data"]
    whole = client.get(f"{path}/file").content
    assert len(whole) == export["bytes"] > 8 * 2**20
    assert whole.count(b"\r\n") == ROWS + 1
    rest = client.get(f"{path}/file", headers={"Range": f"bytes={len(whole) - 1000}-"})
    assert (rest.status_code, rest.content) == (httpx.codes.PARTIAL_CONTENT, whole[-1000:])
    folder = f"{PREFIX}exports/{export['id']}/1"
    kept = backend.output("-c", BUCKET, "list", moto).split()
    assert kept == [f"{folder}/manifest.json", f"{folder}/profiles.csv"]
    assert not [each for each in (tmp_path / "transfers").rglob("*") if each.is_file()]
    backend.execute("UPDATE exports SET expires_at = created_at")
    assert client.get(f"{path}/file").status_code == httpx.codes.GONE
    wait_until(lambda: client.get(path).json()["data"]["state"] == "expired", "the end of the file")
    assert backend.output("-c", BUCKET, "list", moto) == ""


def test_a_bucket_that_is_not_there_fails_no_file(backend: Backend, moto: str) -> None:
    """The job is tried again, and the export waits for it."""
    own = {"TRANSFERS_S3_BUCKET": "nowhere", "TRANSFERS_S3_ENDPOINT": moto}
    backend.environment |= KEYS | own | {"TRANSFERS_S3_REGION": "ap-northeast-2"}
    _, client = backend.start_api()
    path = f"{URL}/{client.post(URL, json={}).json()['data']['id']}"
    failed = "SELECT count(*) FROM outbox WHERE actor = 'transfers.export' AND error IS NOT NULL"
    wait_until(lambda: backend.count(failed) == 1, "the first attempt to fail")
    assert client.get(path).json()["data"]["state"] == "running"
    assert client.get(f"{path}/file").status_code == httpx.codes.CONFLICT
