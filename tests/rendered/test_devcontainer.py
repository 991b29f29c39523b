"""A container to develop in: described as editors read it, and what makes it ready does so."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from jsonschema_rs import Draft202012Validator

from tests.conftest import nightly_but, package_index, rendered, said
from tests.installed import pythons
from tests.rendered.matrix import only
from tests.rendered.tools import findings, hadolint, of_schema, yamllint
from tests.toolbox import made

pytestmark = pytest.mark.slow

ANSWERS = {
    "pip": (),
    "poetry": ("packaging=poetry",),
    "uv": ("packaging=uv", "venv_layout=shared", "venv_root=~/venvs"),
}
# Of what containers.dev describes, the two forms that are written here; more is a mistake.
TEXT = {"type": "string", "minLength": 1}
COMMON = {
    "name": TEXT,
    "workspaceFolder": {"type": "string", "pattern": "^/"},
    "remoteUser": {"const": "developer"},
    "remoteEnv": {"type": "object", "additionalProperties": TEXT},
    "postCreateCommand": {"const": "sh .devcontainer/post-create.sh"},
    "forwardPorts": {
        "type": "array",
        "items": {"type": "integer", "minimum": 1, "maximum": 65535},
    },
    "customizations": {
        "type": "object",
        "required": ["vscode"],
        "properties": {
            "vscode": {
                "type": "object",
                "properties": {
                    "extensions": {
                        "type": "array",
                        "items": {"type": "string", "pattern": r"^[a-z-]+\.[a-z-]+$"},
                    }
                },
                "additionalProperties": False,
            }
        },
        "additionalProperties": False,
    },
}
ALONE = {
    "build": {
        "type": "object",
        "properties": {"dockerfile": {"const": "Dockerfile"}},
        "additionalProperties": False,
    },
    "workspaceMount": {"type": "string", "pattern": "^source=.+,target=/.+,type=bind$"},
    "mounts": {
        "type": "array",
        "items": {"type": "string", "pattern": "^source=.+,target=/.+,type=volume$"},
    },
}
COMPOSED = {"dockerComposeFile": {"type": "array", "items": TEXT}, "service": TEXT}
NEEDED = ["name", "workspaceFolder", "remoteUser", "postCreateCommand"]


def schema(own: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(
        {
            "type": "object",
            "properties": COMMON | own,
            "required": [*NEEDED, *own],
            "additionalProperties": False,
        }
    )


class Compose(yaml.SafeLoader):
    """Reads compose's own tags, too."""


Compose.add_constructor("!reset", lambda _loader, _node: None)


def require_judged(shop: Path) -> None:
    """What the tools of the field find in the files is nothing."""
    folder = shop / ".devcontainer"
    assert findings(hadolint(folder / "Dockerfile")) == ""
    assert findings(["shellcheck", str(folder / "post-create.sh")]) == ""
    if (compose := folder / "compose.yaml").exists():
        assert findings(yamllint(compose)) == ""
        # Compose reads a tag that others do not.
        plain = shop.parent / "compose.yaml"
        plain.write_text(compose.read_text("utf-8").replace("!reset ", ""), "utf-8")
        assert findings(of_schema("vendor.compose-spec", plain)) == ""


def described(shop: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((shop / ".devcontainer/devcontainer.json").read_text("utf-8"))
    return read


def test_alone_it_is_one_image_with_the_exact_python(tmp_path: Path) -> None:
    shop = rendered(tmp_path, *only("devcontainer"))
    told = described(shop)
    assert [each.message for each in schema(ALONE).iter_errors(told)] == []
    assert not (shop / ".devcontainer/compose.yaml").exists()
    image = (shop / ".devcontainer/Dockerfile").read_text("utf-8")
    version = (shop / ".python-version").read_text("utf-8").strip()
    assert f"/python:{version}-" in image
    require_judged(shop)
    # The volume is on the folder that the image has for it.
    (volume,) = told["mounts"]
    assert volume.split("target=")[1].split(",")[0] in image
    assert f"target={told['workspaceFolder']},type=bind" in told["workspaceMount"]


@pytest.mark.parametrize("database", ["postgresql", "mysql"])
@pytest.mark.parametrize("features", [(), ("notifications", "cache", "vscode")], ids="-".join)
def test_with_servers_it_reaches_them_and_takes_no_port(
    tmp_path: Path, database: str, features: tuple[str, ...]
) -> None:
    shop = rendered(tmp_path, *only("devcontainer", *features), f"database={database}")
    told = described(shop)
    assert [each.message for each in schema(COMPOSED).iter_errors(told)] == []
    folder = shop / ".devcontainer"
    servers, own = (
        yaml.load((folder / name).read_text("utf-8"), Compose)  # noqa: S506 - a safe loader
        for name in told["dockerComposeFile"]
    )
    require_judged(shop)
    workspace = own["services"].pop(told["service"])
    assert workspace["build"] == ".devcontainer"
    assert f".:{told['workspaceFolder']}" in workspace["volumes"]
    # Each server that is started is reached by its name, where it listens inside.
    started = {name: each for name, each in servers["services"].items() if "profiles" not in each}
    assert own["services"] == {name: {"ports": None} for name in started}
    assert set(workspace["depends_on"]) <= set(started)
    for name in ("DATABASE_URL", "TEST_DATABASE_URL"):
        url = sa.make_url(workspace["environment"][name])
        assert (url.host, url.port) == ("database", None)
    assert workspace["environment"].get("SMTP_HOST", "mail") in started or not features
    extensions = told["customizations"]["vscode"]["extensions"]
    recommended = shop / ".vscode/extensions.json"
    assert recommended.exists() == ("vscode" in features)
    if recommended.exists():
        assert json.loads(recommended.read_text("utf-8"))["recommendations"] == extensions


def create(shop: Path, home: Path) -> None:
    """Run the command that makes a new container ready, as its user would."""
    programs = [str(pythons.of("3.13").parent), str(Path(sys.executable).parent)]
    if "poetry" in (shop / ".devcontainer/post-create.sh").read_text("utf-8"):
        programs.insert(1, str(made("poetry") / "bin"))
    environment = {name: value for name, value in os.environ.items() if "PYTHON" not in name}
    environment |= {"HOME": str(home), "POETRY_PYPI_MIRROR_URL": package_index()}
    environment["PATH"] = os.pathsep.join((*programs, environment["PATH"]))
    said(described(shop)["postCreateCommand"].split(), shop, environment)


@pytest.mark.parametrize("packaging", nightly_but("pip", of=ANSWERS))
def test_the_new_container_is_made_ready_and_again(tmp_path: Path, packaging: str) -> None:
    """Its command is run on this machine, as no container is here."""
    shop = rendered(tmp_path, *only("devcontainer"), *ANSWERS[packaging])
    home = tmp_path / "home"
    home.mkdir()
    create(shop, home)
    folder = home / "venvs/shop_3.13.0" if packaging == "uv" else shop / ".venv"
    version = subprocess.check_output([folder / "bin/python", "-V"], text=True)
    assert version.startswith("Python 3.13.")
    with sqlite3.connect(shop / "var/app.db") as connection:
        (head,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    assert head == (shop / "migrate/HEAD").read_text("utf-8").strip()
    edited = (shop / ".env").read_text("utf-8") + "# mine\n"
    (shop / ".env").write_text(edited, "utf-8")
    create(shop, home)
    assert (shop / ".env").read_text("utf-8") == edited
    said(["make", "check"], shop, os.environ | {"HOME": str(home)})
