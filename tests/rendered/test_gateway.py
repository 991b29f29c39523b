"""What gateways are told of a project with everything: valid by the specification, and checked."""

from __future__ import annotations

import os
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml

from tests.rendered.conftest import copied
from tests.rendered.processes import of_render
from tests.rendered.tools import findings, openapi

pytestmark = pytest.mark.slow

SPECIFICATION = "azure/apis/shop/specification.yaml"


def gateway(everything: Path, shop: Path, *words: str) -> CompletedProcess[str]:
    command = ("-m", "app", "gateway", "export", *words)
    return of_render(everything).run(*command, cwd=shop, env=os.environ, merged=True)


def test_the_documents_are_valid_and_a_fault_that_is_planted_is_found(
    everything: Path, tmp_path: Path
) -> None:
    shop = copied(everything, tmp_path / "shop", "app", "migrate", "pyproject.toml")
    exported = gateway(everything, shop)
    assert exported.returncode == 0, exported.stdout
    folder = shop / "deploy/gateway"
    documents = [folder / SPECIFICATION, folder / "wso2/Definitions/swagger.yaml"]
    for document in documents:
        assert findings(openapi(document)) == ""
    for path in folder.rglob("*.yaml"):
        assert yaml.safe_load(path.read_text("utf-8")), path
    assert gateway(everything, shop, "--check").returncode == 0
    text = documents[0].read_text("utf-8")
    for right, wrong in (
        ('"nullable": true', '"nullable": "true"'),
        ('"responses"', '"answers"'),
        ('"type": "string"', '"type": ["string", "null"]'),
    ):
        assert right in text
        documents[0].write_text(text.replace(right, wrong, 1), "utf-8")
        assert findings(openapi(documents[0])) != ""
    refused = gateway(everything, shop, "--check")
    assert refused.returncode == 1
    assert f"deploy/gateway/{SPECIFICATION}" in refused.stdout
