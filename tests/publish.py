"""Publishing Headstart: for its own maintainers.

python -m tests.publish fill    write what bootstrap/publisher.py says where it stands besides
python -m tests.publish check   say what of it does not answer yet; exits with 1 until all does
"""

from __future__ import annotations

import re
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import bootstrap
from bootstrap import publisher
from bootstrap.project import git, releases, template
from tests.conftest import package_index

PATIENCE = 20  # seconds for each answer
ROOT = Path(bootstrap.__file__).parents[1]


class Finding(NamedTuple):
    """What was looked at, and what is wrong with it; nothing if it is as it should be."""

    what: str
    wrong: str = ""


@dataclass(frozen=True)
class Published:
    """What a publisher has stated."""

    package: str
    index: str
    source: str
    address: str

    @property
    def expanded(self) -> str:
        """The address that plain Copier makes of the source."""
        return re.sub(r"^gh:(.+)$", r"https://github.com/\1", self.source)


def stated() -> Published:
    """What this checkout states; the package is looked for where pip looks on this machine."""
    return Published(
        publisher.PACKAGE, package_index().rstrip("/"), publisher.SOURCE, publisher.ADDRESS
    )


# -- where it stands besides -----------------------------------------------------------------------


def places(published: Published) -> dict[str, dict[str, str]]:
    """By file: what stands there, as a pattern whose second group it is; and what it shall be."""
    return {
        "copier.yml": {
            r"(template_source:\n.*\n.*\n  default: )(.*)": published.source,
            r"(headstart_package:\n.*\n.*\n  default: )(.*)": published.package,
            r"(headstart_address:\n.*\n.*\n  default: )(.*)": f'"{published.address}"',
        },
        "bootstrap/install.sh": {r"(\naddress=)(\S*)": published.address},
        "pyproject.toml": {r'(\nname = ")([^"]*)': published.package},
    }


def fill(root: Path, published: Published) -> list[str]:
    """Write it there; the files that have changed."""
    changed = []
    for name, patterns in places(published).items():
        text = before = (root / name).read_text(encoding="utf-8")
        for pattern, value in patterns.items():
            if found := re.search(pattern, text):
                text = f"{text[: found.start(2)]}{value}{text[found.end(2) :]}"
        if text != before:
            (root / name).write_text(text, encoding="utf-8")
            changed.append(name)
    return changed


def stated_otherwise(root: Path, published: Published) -> list[str]:
    """The files that say anything else."""
    return [
        name
        for name, patterns in places(published).items()
        for pattern, value in patterns.items()
        if (found := re.search(pattern, (root / name).read_text(encoding="utf-8"))) is None
        or found[2] != value
    ]


# -- what answers ----------------------------------------------------------------------------------


def findings(root: Path, published: Published) -> Iterator[Finding]:
    """Look at all of it, one after the other."""
    for name in stated_otherwise(root, published):
        yield Finding(name, "says something else than bootstrap/publisher.py: make publish-fill")
    if published.address:
        same = published.address.removesuffix(".git") == published.expanded
        wrong = f"projects record {published.source}, which is {published.expanded}"
        yield Finding(published.address, "" if same else wrong)
        yield from _of_the_repository(root, published)
    else:
        wrong = "no address is set: bootstrap/publisher.py"
        yield Finding("the repository", wrong)
    yield _of_the_index(published, bootstrap.__version__)


def _of_the_repository(root: Path, published: Published) -> Iterator[Finding]:
    known = releases.released(root / "bootstrap")
    with tempfile.TemporaryDirectory() as folder:
        git.run("init", "--quiet", "--bare", ".", cwd=Path(folder))
        tags = [f"refs/tags/{each.tag}" for each in known]
        missing = _missing(published.address, tags, Path(folder))
        yield from missing
        if not missing:
            yield from _trees(root, known, published.address, Path(folder))
    for address in addresses(published.address, known[-1].version):
        yield _answers(address)


def addresses(address: str, version: str) -> list[str]:
    """Where people are sent for a version, besides the repository itself."""
    named = publisher.urls(address, version).values()
    files = (where(address, version) for where in (publisher.script, publisher.archive))
    return [*files, *(each for each in named if each != address)]


def _missing(address: str, tags: list[str], folder: Path) -> list[Finding]:
    listed = _git("ls-remote", "--tags", address, cwd=folder)
    if listed.code != 0:
        return [Finding(address, " ".join(listed.errors) or "does not answer")]
    there = {line.partition("\t")[2] for line in listed.out.splitlines()}
    missing = [tag.removeprefix("refs/tags/") for tag in tags if tag not in there]
    return [Finding(f"{address} {tag}", "is not pushed") for tag in missing]


def _trees(
    root: Path, known: Iterable[releases.Release], address: str, folder: Path
) -> Iterator[Finding]:
    """Whether plain Copier gets there what is in the bundle."""
    bundle = str(root / "bootstrap" / releases.BUNDLE)
    git.run("fetch", "--quiet", "--no-tags", bundle, "refs/tags/*:refs/bundled/*", cwd=folder)
    tags = [f"refs/tags/{each.tag}:refs/tags/{each.tag}" for each in known]
    fetched = _git("fetch", "--quiet", "--no-tags", address, *tags, cwd=folder)
    if fetched.code != 0:
        yield Finding(address, " ".join(fetched.errors))
        return
    for each in known:
        parts = (template.CONTENT, template.CONFIG)
        there, here = (
            [git.query("rev-parse", f"refs/{kind}/{each.tag}:{part}", cwd=folder) for part in parts]
            for kind in ("tags", "bundled")
        )
        wrong = "" if there == here else "has another template than the bundle"
        yield Finding(f"{address} {each.tag}", wrong)


def _git(*words: str, cwd: Path) -> git.GitResult:
    patience = ("-c", f"http.lowSpeedTime={PATIENCE}", "-c", "http.lowSpeedLimit=1")
    return git.call(*git.ISOLATED, *patience, *words, cwd=cwd)


def _of_the_index(published: Published, version: str) -> Finding:
    page = f"{published.index}/{published.package}/"
    answer = _answers(page)
    if answer.wrong:
        return answer
    wheel = f"{published.package}-{version}-py3-none-any.whl"
    return Finding(page, "" if wheel in _read(page) else f"has no {wheel}")


def _answers(address: str) -> Finding:
    try:
        _read(address)
    except (OSError, ValueError) as error:
        return Finding(address, str(error))
    return Finding(address)


def _read(address: str) -> str:
    with urllib.request.urlopen(address, timeout=PATIENCE) as answer:  # noqa: S310 - stated by us
        content: bytes = answer.read()
    return content.decode("utf-8", "replace")


def check(root: Path, published: Published) -> int:
    """Tell what is right and what is wrong."""
    found = list(findings(root, published))
    lines = [f"✗ {each.what}: {each.wrong}" if each.wrong else f"✓ {each.what}" for each in found]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return int(any(each.wrong for each in found))


def main() -> int:
    """Run from the command line."""
    match sys.argv[1:]:
        case ["fill"]:
            sys.stdout.write("".join(f"{name}\n" for name in fill(ROOT, stated())))
            return 0
        case ["check"]:
            return check(ROOT, stated())
        case _:
            sys.stderr.write(__doc__ or "")
            return 64


if __name__ == "__main__":
    sys.exit(main())
