"""A mail server that notes each mail it takes: `PORT FILE [CERTIFICATE KEY]`, on a render's Python.

With a certificate it takes nothing before STARTTLS.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from importlib import import_module
from pathlib import Path
from typing import Any


class Notes:
    """Notes the recipient before it says that the mail is taken."""

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        # Nothing else is waited for: the file is written before anything is answered.
        with Path(sys.argv[2]).open("a") as taken:  # noqa: ASYNC230
            taken.write("".join(f"{each}\n" for each in envelope.rcpt_tos))
        return "250 2.0.0 taken"


def main() -> None:
    smtp = import_module("aiosmtpd.smtp").SMTP
    options: dict[str, Any] = {"hostname": "localhost"}
    if certificate := sys.argv[3:]:
        options["tls_context"] = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        options["tls_context"].load_cert_chain(*certificate)
        options["require_starttls"] = True

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(
            lambda: smtp(Notes(), **options), "127.0.0.1", int(sys.argv[1])
        )
        await server.serve_forever()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
