"""The HTTP client's files are written, and name the address that the api listens on here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bootstrap.machine.edits import base_url
from tests.machine.conftest import Shop

if TYPE_CHECKING:
    from pathlib import Path

PINNED = """\
http_client:
  command: python write.py
  files: [http/shop.postman_collection.json, http/shop-local.postman_environment.json, \
http/shop-local.http]
  url: http://127.0.0.1:8000
"""
# As a person's Postman writes it: with tabs, and with variables of their own.
ENVIRONMENT = """\
{
\t"name": "shop-local",
\t"values": [
\t\t{ "key": "mine", "value": "http://127.0.0.1:8000", "enabled": true },
\t\t{ "value": "http://127.0.0.1:8000", "type": "default", "key": "baseUrl" },
\t\t{ "key": "clientKey", "value": "", "type": "secret" }
\t]
}
"""
HTTP = "# mine\n@baseUrl = http://127.0.0.1:8000\n@id = http://127.0.0.1:8000\n"
WRITE = f'''\
from pathlib import Path
Path("http").mkdir(exist_ok=True)
Path("http/shop.postman_collection.json").write_text("{{}}")
Path("http/more.txt").write_text("more")
for name, text in (("postman_environment.json", """{ENVIRONMENT}"""), ("http", """{HTTP}""")):
    path = Path(f"http/shop-local.{{name}}")
    path.exists() or path.write_text(text)
'''


@pytest.fixture
def folder(shop: Shop) -> Path:
    """The folder of a project's client, in which nothing is written yet."""
    shop.edit("toolchain.yml", "proof:", f"{PINNED}proof:")
    (shop.root / "write.py").write_text(WRITE)
    return shop.root / "http"


def steps(shop: Shop) -> list[str]:
    found: list[str] = shop.up()[-1].get("steps", [])  # type: ignore[assignment]
    return found


def named(folder: Path) -> set[str | None]:
    return {base_url.named_by(path) for path in folder.glob("shop-local.*")}


def listen(shop: Shop, port: int) -> None:
    (shop.root / ".env").write_text(
        f"SECRET_KEY=x\nDATABASE_URL=sqlite:///./shop.db\nPORT={port}\n"
    )


@pytest.mark.slow
def test_the_address_follows_the_settings_and_nothing_else_changes(
    shop: Shop, folder: Path
) -> None:
    listen(shop, 8123)
    assert "http-client" in steps(shop)
    environment = folder / "shop-local.postman_environment.json"
    filled = ENVIRONMENT.replace(
        '"value": "http://127.0.0.1:8000", "type"', '"value": "{}", "type"'
    )
    assert environment.read_text() == filled.replace("{}", "http://127.0.0.1:8123")
    assert (folder / "shop-local.http").read_text() == HTTP.replace("8000", "8123", 1)
    assert steps(shop) == []
    assert shop.findings() == []
    listen(shop, 8124)
    (finding,) = shop.findings()
    assert (finding["step"], finding["level"]) == ("http-client", "broken")
    assert "names http://127.0.0.1:8123, and the api listens on http://127.0.0.1:8124" in str(
        finding["problem"]
    )
    (planned,) = json.loads(shop.headstart("plan", "--json").stdout)["steps"]
    assert len(planned["commands"]) == 2
    assert steps(shop) == ["http-client"]
    assert named(folder) == {"http://127.0.0.1:8124"}


@pytest.mark.slow
def test_what_a_person_has_typed_stays_and_is_told(shop: Shop, folder: Path) -> None:
    shop.up()
    typed = ENVIRONMENT.replace("http://127.0.0.1:8000", "https://tunnel.example/shop")
    environment = folder / "shop-local.postman_environment.json"
    environment.write_text(typed)
    listen(shop, 8123)
    assert steps(shop) == ["http-client"]
    assert environment.read_text() == typed
    assert base_url.named_by(folder / "shop-local.http") == "http://127.0.0.1:8123"
    assert steps(shop) == []
    (finding,) = shop.findings()
    assert (finding["step"], finding["level"]) == ("http-client", "notice")
    assert "names https://tunnel.example/shop" in finding["problem"]


@pytest.mark.slow
def test_undo_takes_back_an_address_and_the_files_but_nobodys_own(shop: Shop, folder: Path) -> None:
    listen(shop, 8123)
    shop.up()
    first = json.loads(shop.headstart("journal", "--json").stdout)["runs"][-1]["id"]
    listen(shop, 8124)
    shop.up()
    shop.headstart("undo", "--yes")
    assert named(folder) == {"http://127.0.0.1:8123"}
    shop.up()
    http = folder / "shop-local.http"
    http.write_text("@baseUrl = http://mine\n")
    kept = json.loads(shop.headstart("undo", "--yes", "--json").stdout)["reversals"]
    assert sorted(each["action"] for each in kept) == ["keep", "readdress"]
    assert http.read_text() == "@baseUrl = http://mine\n"
    (folder / "mine.txt").write_text("mine")
    shop.headstart("undo", first, "--yes")
    # What was edited since the run that made it is its editor's.
    left = {path.name for path in folder.iterdir()}
    assert left == {"mine.txt", "shop-local.http", "shop-local.postman_environment.json"}


@pytest.mark.slow
def test_a_command_that_does_not_write_what_is_pinned_is_a_failure(
    shop: Shop, folder: Path
) -> None:
    (shop.root / "write.py").write_text("")
    failed = shop.headstart("up")
    assert failed.returncode == 1
    assert "HTTP client: done, but it does not verify" in failed.stderr
    assert "http/shop-local.http does not exist" in failed.stderr
    assert not folder.exists()


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, "http://127.0.0.1:8000/v1"),
        ({"PORT": "9"}, "http://127.0.0.1:9/v1"),
        ({"HOST": "0.0.0.0", "PORT": ""}, "http://127.0.0.1:8000/v1"),  # noqa: S104
        ({"HOST": "::"}, "http://[::1]:8000/v1"),
        ({"HOST": "shop.local"}, "http://shop.local:8000/v1"),
    ],
)
def test_the_address_is_one_that_a_client_can_use(settings: dict[str, str], address: str) -> None:
    assert base_url.listening("http://127.0.0.1:8000/v1", settings) == address


def test_an_address_without_a_port_stays_so() -> None:
    assert base_url.listening("https://shop.localhost", {}) == "https://shop.localhost"


@pytest.mark.parametrize(
    ("name", "text", "address"),
    [
        ("a.json", '{"key": "baseUrl", "value": ""}', ""),
        ("a.json", '{"value" : "http://a", "key" :"baseUrl"}', "http://a"),
        ("a.json", '[{"key": "other", "value": "http://a"}, {"key": "baseUrl"}]', None),
        ("a.json", "nothing", None),
        ("a.http", "@baseUrl =", ""),
        ("a.http", "GET {{baseUrl}}\n@baseUrl=http://a\n", "http://a"),
        ("a.http", "@other = http://a", None),
    ],
)
def test_an_address_is_read_and_written_where_it_stands(
    tmp_path: Path, name: str, text: str, address: str | None
) -> None:
    file = tmp_path / name
    file.write_text(text)
    assert base_url.named_by(file) == address
    base_url.set_url(file, "http://b")
    assert base_url.named_by(file) == (None if address is None else "http://b")
    assert len(file.read_text()) == len(text) + (0 if address is None else 8 - len(address))
    assert base_url.named_by(tmp_path / "none.http") is None
