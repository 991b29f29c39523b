"""A mail server of the tests' own, on the Python of a render, which has what serves mail."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.rendered.processes import Backend
from tests.rendered.servers import free_port, listens
from tests.waiting import wait_until

PROGRAM = Path(__file__).with_name("mail_program.py").read_text("utf-8")


@dataclass(frozen=True)
class MailServer:
    """A mail server, and the file in which it notes whose mail it has taken."""

    port: int
    taken: Path

    @classmethod
    def start(cls, backend: Backend, folder: Path, *certificate: Path) -> MailServer:
        """Start one that ends with the backend's processes; with a certificate and its key."""
        server = cls(free_port(), folder / "taken")
        backend.run_program(PROGRAM, str(server.port), str(server.taken), *map(str, certificate))
        wait_until(lambda: listens(server.port), "the mail server to listen")
        return server

    @property
    def settings(self) -> dict[str, str]:
        """What a backend is told to send mail here, as it is."""
        return {
            "SMTP_HOST": "localhost",
            "SMTP_PORT": str(self.port),
            "SMTP_ENCRYPTION": "none",
            "MAIL_FROM": "shop@example.com",
        }

    def count(self) -> Counter[str]:
        """How often each recipient's mail was taken."""
        return Counter(self.taken.read_text().split() if self.taken.exists() else ())
