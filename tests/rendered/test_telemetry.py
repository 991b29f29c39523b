"""A Prometheus scrapes a real api and a real worker, and answers what an operator asks it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from tests.rendered.processes import Backend, create_profile, picture, upload
from tests.rendered.servers import Server, free_port, program, running, running_redis
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

REQUESTS = "sum by (status) (http_request_duration_seconds_count{route='/v1/profiles'})"
JOBS = "sum(job_duration_seconds_count{actor='profiles.make_thumbnail', outcome='done'})"


@contextmanager
def prometheus(folder: Path, **targets: int) -> Iterator[httpx.Client]:
    """Run a Prometheus that scrapes these ports every second; yield a client of its API."""
    scrapes = [
        {"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
        for name, port in targets.items()
    ]
    config = folder / "prometheus.yml"
    config.write_text(
        yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": scrapes})
    )
    port = free_port()
    serve = [program("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder}/data"]
    serve += [f"--web.listen-address=127.0.0.1:{port}"]
    url = f"http://127.0.0.1:{port}"
    with (
        running(Server(url, serve, folder / "prometheus.log")),
        httpx.Client(base_url=url) as client,
    ):
        yield client


def answers(client: httpx.Client, query: str) -> dict[str, float]:
    """Ask for an instant vector: its values by the one label that is left."""
    answer = client.get("/api/v1/query", params={"query": query})
    if not answer.is_success:  # it listens before it can be asked
        return {}
    results = answer.json()["data"]["result"]
    return {"".join(result["metric"].values()): float(result["value"][1]) for result in results}


def test_prometheus_sees_the_requests_of_the_api_and_the_jobs_of_the_worker(
    backend: Backend, tmp_path: Path
) -> None:
    port = free_port()
    with running_redis(tmp_path) as (redis, _):
        backend.start_worker(REDIS_URL=redis, METRICS="true", METRICS_PORT=str(port))
        _, client = backend.start_api(REDIS_URL=redis, METRICS="true")
        api = client.base_url.port
        assert api is not None
        with prometheus(tmp_path, api=api, worker=port) as scraper:
            for number in range(3):
                upload(client, create_profile(client, number), picture())
            assert client.post("/v1/profiles", json={}).status_code == 422
            backend.wait_for_thumbnails(3)
            wait_until(lambda: answers(scraper, JOBS) == {"": 3}, "three jobs in Prometheus")
            told = {"201": 3, "422": 1}
            wait_until(lambda: answers(scraper, REQUESTS) == told, "four requests in Prometheus")
            assert answers(scraper, "up") != {}
            assert set(answers(scraper, "sum by (job) (up)").values()) == {1}
