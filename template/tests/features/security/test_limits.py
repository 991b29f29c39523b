"""A caller has its bucket: full at first, refilled evenly, in this process or for all of them."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest

from app.core.logging import configure_logging
from app.features.security import limits as limits_module
from app.features.security.limits import Limits, LocalLimits, Rate, TooMany
from app.features.security.shared_limits import SharedLimits
from tests.features.redis import RedisServer
from tests.features.security.conftest import Clock

RATE = Rate(5, window=2.0)


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server.url
    server.end(signal.SIGKILL)


@pytest.fixture(params=["local", "shared"])
async def limits(request: pytest.FixtureRequest) -> AsyncIterator[Limits]:
    limits: Limits = LocalLimits(RATE)
    if request.param == "shared":
        limits = SharedLimits(request.getfixturevalue("redis_url"), RATE)
    yield limits
    await limits.close()


async def test_a_full_bucket_can_be_spent_at_once(limits: Limits) -> None:
    remaining = [(await limits.spend("burst")).headers["RateLimit"] for _ in range(5)]
    assert [text.split(";")[1] for text in remaining] == ["r=4", "r=3", "r=2", "r=1", "r=0"]
    with pytest.raises(TooMany) as refused:
        await limits.spend("burst")
    assert refused.value.headers == {
        "RateLimit-Policy": '"caller";q=5;w=2',
        "RateLimit": '"caller";r=0;t=2',
        "Retry-After": "1",
    }


async def test_others_have_their_own(limits: Limits) -> None:
    for _ in range(5):
        await limits.spend("greedy")
    assert (await limits.spend("modest")).headers["RateLimit"].startswith('"caller";r=4')


async def test_it_is_refilled_evenly(limits: Limits) -> None:
    for _ in range(5):
        await limits.spend("patient")
    began = time.monotonic()
    await asyncio.sleep(0.45)
    spent = 0
    with suppress(TooMany):
        while await limits.spend("patient"):
            spent += 1
    assert 1 <= spent <= 1 + (time.monotonic() - began) / RATE.interval


async def test_all_processes_share_one_bucket(redis_url: str) -> None:
    processes = [SharedLimits(redis_url, RATE) for _ in range(3)]
    results = await asyncio.gather(
        *(process.spend("shared") for process in processes for _ in range(5)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, TooMany) for result in results) == 10
    for process in processes:
        await process.close()


def events(capsys: pytest.CaptureFixture[str]) -> list[str]:
    lines = map(json.loads, capsys.readouterr().err.splitlines())
    return [line["event"] for line in lines if line["event"].startswith("limits.")]


async def test_while_redis_is_away_each_process_counts_for_itself_and_says_so_once(
    server: RedisServer, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("INFO", "json")
    limits = SharedLimits(server.url, RATE, clock=clock)
    await limits.spend("caller")
    assert events(capsys) == []
    server.end(signal.SIGKILL)
    for _ in range(5):
        await limits.spend("caller")
    with pytest.raises(TooMany):
        await limits.spend("caller")
    clock.now += 6
    await limits.spend("caller")
    assert events(capsys) == ["limits.redis_away"]
    server.start()
    clock.now += 6
    await limits.spend("caller")
    await limits.spend("caller")
    assert events(capsys) == ["limits.redis_back"]
    await limits.close()


async def test_memory_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits_module, "MOST_BUCKETS", 100)
    limits = LocalLimits(RATE, clock=clock)
    for number in range(101):
        await limits.spend(f"caller-{number}")
    newest, oldest = await limits.spend("caller-100"), await limits.spend("caller-0")
    assert newest.headers["RateLimit"].startswith('"caller";r=3')
    assert oldest.headers["RateLimit"].startswith('"caller";r=4')
