"""The docs work without the internet, under their own content security policy."""

from __future__ import annotations

import base64
import hashlib
import re
from urllib.parse import urljoin

import httpx
import pytest


async def test_the_page_and_all_that_it_loads_come_from_here(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    assert not re.search(r"(https?:)?//", page.text)
    loaded = re.findall(r"""(?:src=|href=|url: )["']([^"']+)["']""", page.text)
    addresses = [urljoin("/docs", address) for address in loaded]
    assert len(addresses) == 4
    for address in addresses:
        assert (await client.get(address)).status_code == 200, address


@pytest.mark.parametrize(
    ("asset", "media_type"),
    [
        ("swagger-ui-bundle.js", "javascript"),
        ("swagger-ui.css", "css"),
        ("favicon-32x32.png", "png"),
    ],
)
async def test_assets_are_of_their_type_and_not_sent_twice(
    client: httpx.AsyncClient, asset: str, media_type: str
) -> None:
    answer = await client.get(f"/docs/assets/{asset}")
    assert media_type in answer.headers["content-type"]
    again = await client.get(
        f"/docs/assets/{asset}", headers={"If-None-Match": answer.headers["etag"]}
    )
    assert again.status_code == 304


async def test_the_policy_allows_the_script_in_the_page_and_no_other(
    client: httpx.AsyncClient,
) -> None:
    page = await client.get("/docs")
    (script,) = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = page.headers["content-security-policy"]
    assert f"script-src 'self' 'sha256-{digest}';" in policy
    assert "'unsafe-eval'" not in policy


@pytest.mark.parametrize(
    "path", ["/docs/assets/none.js", "/docs/assets/../../pyproject.toml", "/redoc"]
)
async def test_nothing_else_is_served(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404
