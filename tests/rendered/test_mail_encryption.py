"""Mail goes by STARTTLS to a server whose certificate is good, and otherwise it does not go."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rendered.mail import MailServer
from tests.rendered.processes import Backend
from tests.rendered.servers import program

pytestmark = pytest.mark.slow

TEST = ("-m", "app", "notify", "test", "mail", "ada@example.com")


@dataclass(frozen=True)
class Certificate:
    """A certificate, which is its own authority, and its key."""

    file: Path
    key: Path

    @classmethod
    def made(cls, folder: Path, name: str) -> Certificate:
        made = cls(folder / f"{name}.pem", folder / f"{name}.key")
        new = [program("openssl"), "req", "-x509", "-newkey", "ec", "-days", "2", "-nodes"]
        curve = ["-pkeyopt", "ec_paramgen_curve:prime256v1"]
        of = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
        files = ["-out", str(made.file), "-keyout", str(made.key)]
        subprocess.run([*new, *curve, *of, *files], check=True, capture_output=True)
        return made


def sent(backend: Backend, server: MailServer, **settings: str) -> subprocess.CompletedProcess[str]:
    given = {k: v for k, v in server.settings.items() if k != "SMTP_ENCRYPTION"} | settings
    backend.environment |= given
    return backend.done(*TEST)


def test_a_certificate_that_is_known_is_trusted(unmigrated: Backend, tmp_path: Path) -> None:
    own = Certificate.made(tmp_path, "localhost")
    server = MailServer.start(unmigrated, tmp_path, own.file, own.key)
    done = sent(unmigrated, server, SSL_CERT_FILE=str(own.file))
    unmigrated.stop_all()
    assert (done.returncode, server.count()) == (0, {"ada@example.com": 1}), done.stderr
    assert "Accepted: 250" in done.stdout


@pytest.mark.parametrize("name", ["localhost", "mail.example.com"])
def test_a_certificate_of_anybody_is_refused(
    unmigrated: Backend, tmp_path: Path, name: str
) -> None:
    """One that nobody vouches for, and one that is vouched for and another's."""
    own = Certificate.made(tmp_path, name)
    server = MailServer.start(unmigrated, tmp_path, own.file, own.key)
    trusted = {} if name == "localhost" else {"SSL_CERT_FILE": str(own.file)}
    done = sent(unmigrated, server, **trusted)
    unmigrated.stop_all()
    assert (done.returncode, server.count()) == (1, {})
    assert f"the mail server localhost:{server.port} cannot be used" in done.stderr
    assert "certificate verify failed" in done.stderr


def test_a_server_that_cannot_encrypt_gets_nothing(unmigrated: Backend, tmp_path: Path) -> None:
    server = MailServer.start(unmigrated, tmp_path)
    done = sent(unmigrated, server)
    unmigrated.stop_all()
    assert (done.returncode, server.count()) == (1, {})
    assert "STARTTLS" in done.stderr
