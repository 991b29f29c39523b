"""Where Headstart is published: what a publisher sets, here and nowhere else.

`make publish-fill` writes it where it stands besides: in the template's questions, the installer,
the package's metadata. `make publish-check` says what does not answer yet. As long as there is no
address, nothing that people run or read names one.
"""

from __future__ import annotations

PACKAGE = "headstart"  # its name in the package index

# How a project records where its template is from, and plain Copier and Renovate find it: Renovate
# knows no `gh:`. Projects that were rendered under another name go on; former ones are kept here.
SOURCE = "https://github.com/headstart-dev/headstart"
FORMER_SOURCES: tuple[str, ...] = ("gh:headstart-dev/headstart",)

# The web address of the repository, such as https://github.com/OWNER/NAME: only once it answers.
ADDRESS = ""


def script(address: str, version: str) -> str:
    """Where the installer of a version is."""
    return f"{address}/raw/v{version}/bootstrap/install.sh"


def archive(address: str, version: str) -> str:
    """Where the sources of a version are."""
    return f"{address}/archive/refs/tags/v{version}.tar.gz"
