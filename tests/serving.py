"""A web server of a folder, from which git fetches too, as from any server of files."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bootstrap.project import releases
from bootstrap.publisher import SOURCE
from tests.conftest import ROOT
from tests.project.conftest import git


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder; the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def publish_releases(repository: Path) -> None:
    """Make the repository there of all released templates; call it again after a change."""
    git("init", "--quiet", "--bare", str(repository), cwd=repository.parent)
    bundle = str(ROOT / "bootstrap" / releases.BUNDLE)
    git("fetch", "--quiet", bundle, "refs/tags/*:refs/tags/*", cwd=repository)
    git("update-ref", "refs/heads/main", releases.released()[-1].commit, cwd=repository)
    git("symbolic-ref", "HEAD", "refs/heads/main", cwd=repository)
    git("update-server-info", cwd=repository)


def published_at(address: str, cache: Path) -> dict[str, str]:
    """The environment in which git and Copier take the server for where templates are published."""
    return {
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": f"url.{address}.insteadOf",
        "GIT_CONFIG_VALUE_0": SOURCE,
        "GIT_CONFIG_KEY_1": f"url.{address}.insteadOf",
        "GIT_CONFIG_VALUE_1": f"{SOURCE}.git",
        "COPIER_CACHE_DIR": str(cache),
    }
