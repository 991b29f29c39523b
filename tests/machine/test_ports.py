"""The ports of a new `.env`: those of the example, or the next ones that are free."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from bootstrap.machine.facts.ports import free_set
from tests.rendered.servers import free_port

if TYPE_CHECKING:
    from tests.machine.conftest import Shop


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        (set(), {"PORT": 8000, "REDIS_PORT": 6379}),
        ({8000}, {"PORT": 8001, "REDIS_PORT": 6380}),
        ({8000, 6380}, {"PORT": 8002, "REDIS_PORT": 6381}),
        (set(range(8000, 9000)), {"PORT": 8000, "REDIS_PORT": 6379}),
    ],
)
def test_ports_move_together_and_no_further_than_they_must(
    taken: set[int], expected: dict[str, int]
) -> None:
    assert free_set({"PORT": 8000, "REDIS_PORT": 6379}, taken.__contains__) == expected


def test_no_port_is_beyond_the_last() -> None:
    assert free_set({"PORT": 65535}, {65535}.__contains__) == {"PORT": 65535}


@pytest.mark.slow
def test_up_writes_the_next_free_port_once_and_names_who_has_the_first(shop: Shop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        example = shop.root / ".env.example"
        example.write_text(f"{example.read_text()}PORT={port}\n# OTHER_PORT={port}\n")
        done = shop.headstart("up")
        assert done.returncode == 0, done.stdout + done.stderr
    written = (shop.root / ".env").read_text()
    assert f"PORT={port}\n" not in written.replace("# OTHER_PORT", "")
    (chosen,) = (line for line in written.splitlines() if line.startswith("PORT="))
    assert 0 < int(chosen.removeprefix("PORT=")) - port < 100
    assert f"# OTHER_PORT={port}" in written
    told = " ".join((done.stdout + done.stderr).split())
    assert f"{chosen} ({port} is taken by " in told
    assert f"(pid {os.getpid()}))" in told
    assert shop.up()[-1]["outcome"] == "nothing-to-do"
    assert (shop.root / ".env").read_text() == written


@pytest.mark.slow
def test_free_ports_stay_as_the_example_has_them(shop: Shop) -> None:
    example = shop.root / ".env.example"
    example.write_text(f"{example.read_text()}export PORT={(port := free_port())}\n")
    shop.up()
    assert f"export PORT={port}\n" in (shop.root / ".env").read_text()
