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
    stated = {"PORT": 8000, "REDIS_PORT": 6379}
    assert free_set(stated, lambda _, port: port in taken) == expected


def test_no_port_is_beyond_the_last() -> None:
    assert free_set({"PORT": 65535}, lambda _, port: port == 65535) == {"PORT": 65535}


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


@pytest.mark.slow
@pytest.mark.nightly
def test_the_services_ports_move_together_and_leave_the_api_its_own(ready: Shop) -> None:
    """At first by themselves; in a `.env` that is there, it is a person's to move them."""
    ready.edit("toolchain.yml", "environment:", "services: [REDIS_URL]\nenvironment:")
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        lines = f"PORT={free_port()}", f"CACHE_PORT={port}", f"OTHER_PORT={free_port()}"
        stated = "\n".join((*lines, "REDIS_URL=redis://127.0.0.1:${CACHE_PORT}/0", ""))
        (ready.root / "compose.yaml").write_text("services: {} # ${CACHE_PORT} ${OTHER_PORT}\n")
        (ready.root / ".env.example").write_text(stated)
        (ready.root / ".env").unlink()
        refused = ready.headstart("up")
        written = (ready.root / ".env").read_text().splitlines()
        assert refused.returncode == 4  # nobody serves Redis at the free one
        assert f"{port} is taken by" in refused.stderr
        moved = int(written[1].removeprefix("CACHE_PORT=")) - port
        assert written[0] == lines[0]
        assert 0 < moved < 100
        (ready.root / ".env").write_text(stated)
        refused = ready.headstart("up")
        told = " ".join(refused.stderr.split())
        assert refused.returncode == 4
        assert f"next free ports in .env: CACHE_PORT={port + moved}, OTHER_PORT=" in told
        assert (ready.root / ".env").read_text() == stated
