"""Those who are served while somebody attacks: what it costs is counted in their requests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx


@contextmanager
def others_served(client: httpx.Client, *, newcomers: bool = False) -> Iterator[list[int]]:
    """Ask for something small all the while; yield the statuses, as they come.

    Newcomers have a connection of their own for each request.
    """
    served: list[int] = []
    ended = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=client.base_url, timeout=60) as other:
            headers = {"Connection": "close"} if newcomers else {}
            while not ended.is_set():
                served.append(other.get("/livez", headers=headers).status_code)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield served
    finally:
        ended.set()
        asking.join()
    assert set(served) == {200}
