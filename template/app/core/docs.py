"""The docs at `/docs`: FastAPI's page of Swagger UI, which works without the internet.

Of the package `fastapi-swagger` only the assets are used. Addresses are relative: the page works
under any path that a proxy publishes it at.
"""

from __future__ import annotations

import base64
import hashlib
import re

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from app.core.middleware import CONTENT_POLICY

PATH = "/docs"
ASSETS = "docs/assets"
_OPTIONS = {"tryItOutEnabled": True, "persistAuthorization": True, "validatorUrl": None}
# Swagger UI sets styles on its elements, and has its icons in data: addresses.
_POLICY = (
    "default-src 'none'; script-src 'self' 'sha256-{}'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def install_docs(app: FastAPI) -> None:
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=app.title,
        swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{ASSETS}/favicon-32x32.png",
        swagger_ui_parameters=_OPTIONS,
    )
    script = re.findall(rb"<script>(.*?)</script>", bytes(page.body), re.DOTALL)[0]
    digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
    headers = {CONTENT_POLICY.decode(): _POLICY.format(digest)}

    async def docs() -> HTMLResponse:
        return HTMLResponse(page.body, headers=headers)

    app.add_api_route(PATH, docs, include_in_schema=False)
    app.mount(f"/{ASSETS}", StaticFiles(packages=[("fastapi_swagger", "resources")]), "docs")
