"""Where Headstart is published: what a publisher sets, here and nowhere else.

`make publish-fill` writes it where it stands besides: in the template's questions, the installer,
the package's name; hatch_build.py reads it for the rest of the package's metadata. `make
publish-check` says what does not answer yet. As long as there is no address, nothing that people
run or read names one, and nothing takes the package from an index: its name may be another's.
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


def page(address: str, version: str) -> str:
    """Where a version's files are read, and its pictures are found."""
    return f"{address}/blob/v{version}"


def urls(address: str, version: str) -> dict[str, str]:
    """What the package index links to, by the names that it knows; nothing before it answers."""
    if not address:
        return {}
    return {
        "Homepage": address,
        "Documentation": f"{page(address, version)}/docs/tour.md",
        "Changelog": f"{page(address, version)}/CHANGELOG.md",
        "Issues": f"{address}/issues",
    }
