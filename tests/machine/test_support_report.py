"""The report for whoever helps from afar: what matters of a machine, and nothing of its person."""

from __future__ import annotations

import getpass
import socket
from typing import TYPE_CHECKING

import pytest

from bootstrap.machine.support_report import NAME, Redaction
from tests.machine.simulated_mac import new_mac
from tests.machine.test_plan import PINS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.machine.conftest import Shop

pytestmark = pytest.mark.slow


def test_it_says_what_is_wrong_and_what_has_been_done(ready: Shop) -> None:
    (ready.root / ".venv/bin/pip").unlink()
    done = ready.headstart("doctor", "--report")
    assert done.returncode == 1
    assert f"Written: {ready.root / NAME}" in done.stdout
    text = (ready.root / NAME).read_text()
    assert "- broken · pip: pip 26.3: pip is missing → headstart doctor --fix" in text
    assert "· done: " in text  # its runs
    assert "`uname -srm` → 0" in text
    assert "tells capitals from small letters" in text
    assert (ready.root / NAME).stat().st_mode & 0o777 == 0o600


def test_a_person_is_not_in_it(ready: Shop) -> None:
    url = "mysql://ada:s3cret@db.example.org:3306/shop"
    ready.edit("toolchain.yml", "environment:", f"services: [{url}]\nenvironment:")
    ready.headstart("doctor", "--report")
    text = (ready.root / NAME).read_text()
    for personal in (str(ready.root), "s3cret", "ada:", f" {socket.gethostname()} "):
        assert personal not in text


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("HOME/x and HOME", "~/x and ~"),
        ("USER's /var/USER/x, the USERS", "USER's /var/USER/x, the USERS"),
        ("postgresql://me:pw@h:5/d", "postgresql://…@h:5/d"),
        ("by Ada.L+x@example.org.", "by EMAIL"),
        ("/somewhere/else", "/somewhere/else"),
    ],
)
def test_what_tells_of_a_person_is_replaced(
    monkeypatch: pytest.MonkeyPatch, said: str, instead: str
) -> None:
    monkeypatch.setenv("HOME", "/Users/grace")
    monkeypatch.setattr(getpass, "getuser", lambda: "grace")
    text = said.replace("HOME", "/Users/grace").replace("USERS", "graces").replace("USER", "grace")
    assert Redaction.of(PINS)(text) == instead.replace("USERS", "graces")


def test_a_mac_says_what_only_a_mac_has(shop: Shop, tmp_path: Path) -> None:
    mac = new_mac(shop, tmp_path / "mac", "3.13.0")
    shop.headstart("doctor", "--report", **mac.variables)
    text = (shop.root / NAME).read_text()
    assert text.startswith("# Headstart ")
    assert "on macOS 26.1, arm64" in text.splitlines()[0]
    assert "`xcode-select -p` → 0" in text
    assert "Homebrews, of which the first is used: " in text
    assert str(tmp_path) not in text.replace(str(mac.brew), "")
