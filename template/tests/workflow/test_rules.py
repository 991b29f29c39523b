"""Which messages, versions and changelogs there are, whatever the branches are called."""

from __future__ import annotations

from datetime import date

import pytest

from workflow import changelog, messages, versions
from workflow.errors import Refused
from workflow.messages import Change
from workflow.versions import Version

TOLD = """# Changelog

## 1.1.0 - 2027-01-02

### Features

- **profiles**: a list by department
"""


@pytest.mark.parametrize(
    "message",
    [
        "feat: a list by department",
        "fix(profiles)!: no headshot of 0 bytes",
        "Merge branch 'feat/list'",
        'Revert "feat: a list"',
        "fixup! feat: a list",
        "Add a feature\n\nHeadstart-Template: 0.8.0",
    ],
)
def test_a_message_that_says_its_kind_or_is_a_programs_passes(message: str) -> None:
    messages.check(message)


@pytest.mark.parametrize(
    "message", ["WIP", "feat:a list", "feat : a list", "Feat: a list", "feat: ", "new: x", ""]
)
def test_any_other_message_is_refused(message: str) -> None:
    with pytest.raises(Refused, match="TYPE: what was done"):
        messages.check(message)


def test_comments_and_what_is_below_the_scissors_are_no_message() -> None:
    text = "# Please enter\nfix: x\n\nwhy\n# ------ >8 ------\n+WIP\n"
    assert messages.written(text) == "fix: x\n\nwhy"


@pytest.mark.parametrize("text", ["", "1.2", "1.2.3-rc.1", "01.2.3", "1.2.3 ", "\u0661.2.3"])
def test_a_version_has_three_numbers(text: str) -> None:
    with pytest.raises(Refused):
        versions.asked_for(text)


def test_versions_follow_each_other_by_their_numbers() -> None:
    tags = ["v1.10.0", "v1.9.0", "v2.0.0-rc.1", "v1.2", "latest", "1.11.0"]
    assert [version.tag for version in versions.of_tags(tags)] == ["v1.9.0", "v1.10.0"]


def test_only_the_version_of_the_project_is_raised() -> None:
    text = '[tool.x]\nversion = "9"\n\n[project]\nname = "shop"\nversion = "0.1.0"\n'
    assert versions.raised(text, Version(1, 0, 0)) == text.replace("0.1.0", "1.0.0")
    with pytest.raises(Refused, match="no version that can be raised"):
        versions.raised('[project]\ndynamic = ["version"]\n', Version(1, 0, 0))


def test_a_section_tells_what_users_notice() -> None:
    changes = [
        Change("fix", "", "dates are right", is_breaking=False),
        Change("feat", "api", "no pages any more", is_breaking=True),
        Change("chore", "", "tidy", is_breaking=False),
    ]
    text = changelog.headed(TOLD, Version(1, 2, 0), date(2027, 2, 3), changes)
    new, old = text.split("## 1.1.0")
    assert new.splitlines()[2:] == [
        *("## 1.2.0 - 2027-02-03", "", "### Breaking", "", "- **api**: no pages any more", ""),
        *("### Fixes", "", "- dates are right", ""),
    ]
    assert old == TOLD.split("## 1.1.0")[1]


def test_sections_of_both_sides_are_kept_in_order() -> None:
    first, second = date(2027, 2, 3), date(2027, 2, 4)
    ours = changelog.headed(TOLD, Version(1, 2, 0), first, [])
    theirs = changelog.headed(TOLD, Version(1, 1, 1), second, [])
    merged = changelog.merged(ours, theirs)
    assert merged == changelog.merged(theirs, ours)
    assert merged == changelog.headed(ours, Version(1, 1, 1), second, [])
    assert changelog.merged(ours, ours.replace("Nothing", "Little")) is None
