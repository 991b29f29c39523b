"""What CHANGELOG.md says of each version."""

import re
from pathlib import Path
from typing import NamedTuple

import bootstrap
from bootstrap.project import releases

_PACKAGE = Path(bootstrap.__file__).parent
_HEADING = re.compile(r"^## +(?:v?(\d+\.\d+\.\d+)|(Unreleased))\b.*$", re.MULTILINE)


class Section(NamedTuple):
    """What changed in one version."""

    version: str
    text: str

    @property
    def headline(self) -> str:
        """The first paragraph as one line."""
        return " ".join(self.text.partition("\n\n")[0].split())


def all_sections(package: Path = _PACKAGE) -> tuple[Section, ...]:
    """The sections in the order of the file; none if there is no changelog."""
    for path in (package.parent / "CHANGELOG.md", package / "CHANGELOG.md"):
        if path.is_file():
            return parse_changelog(path.read_text(encoding="utf-8"))
    return ()


def parse_changelog(text: str) -> tuple[Section, ...]:
    found = list(_HEADING.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    return tuple(
        Section(match[1] or match[2], text[match.end() : end].strip())
        for match, end in zip(found, ends, strict=True)
    )


def sections_between(before: str, after: str, package: Path = _PACKAGE) -> tuple[Section, ...]:
    """The sections of the releases after `before`, up to `after`; oldest first.

    None where `before` is unreleased: which of them it has already is not known.
    """
    low, high = releases.number(before), releases.number(after)
    if low is None:
        return ()
    found = [
        (number, section)
        for section in all_sections(package)
        if (number := releases.number(section.version))
        and number > low
        and (high is None or number <= high)
    ]
    return tuple(section for _, section in sorted(found, key=lambda each: each[0]))
