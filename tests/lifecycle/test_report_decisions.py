"""Decisions of a report that need neither git nor a browser: how a diff and a text are read."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import pytest

from bootstrap.errors import ExitCode, HeadstartError
from bootstrap.project.diffs import Diffs, Patch, Side
from bootstrap.project.outcomes import FileOutcome, Outcome
from bootstrap.show import diff_panels, output, terminal
from bootstrap.show.items import Column, ReportTable, TableRow
from bootstrap.show.page import Page
from bootstrap.show.page_file import markdown
from bootstrap.show.report import Report
from bootstrap.show.text import escape


def split(diff: str) -> list[str]:
    return diff.removesuffix("\n").split("\n")


def told(text: str) -> list[tuple[str, str, str]]:
    return [(line.kind, line.sign, line.text) for line in diff_panels.read_patch(split(text))]


def test_each_place_in_a_file_has_the_number_of_its_first_line() -> None:
    diff = "@@ -3,3 +5,3 @@ def f():\n same\n-gone\n+new\n last\n\\ No newline at end of file\n"
    assert told(diff) == [
        ("place", "", "line 5  def f():"),
        ("same", " ", "same"),
        ("removed", "-", "gone"),
        ("new", "+", "new"),
        ("same", " ", "last"),
        ("remark", "\\", " No newline at end of file"),
    ]
    places = ("@@ -1,2 +1,2 @@", "@@ -0,0 +1,9 @@", "@@ -1,9 +0,0 @@", "@@ -7 +6,0 @@")
    assert [told(place)[0][2] for place in places] == ["", "", "", "line 6"]


def test_only_a_newline_ends_a_line() -> None:
    assert told("@@ -0,0 +1 @@\n+a\rb\u2028c\x0c\r\n")[1:] == [("new", "+", r"a\rb\u2028c\x0c\r")]


@pytest.mark.parametrize(
    ("gone", "new", "differing"),
    [
        ("version = 1.2.0", "version = 1.3.0", ("2", "3")),
        ("f(a)", "f(a, b)", ("", ", b")),
        ("nothing alike", "quite other", ("", "")),
        ("aa", "aaa", ("", "a")),
        ("same", "same", ("", "")),
    ],
)
def test_what_differs_between_a_line_and_its_successor_is_marked(
    gone: str, new: str, differing: tuple[str, str]
) -> None:
    _, before, after = diff_panels.read_patch(split(f"@@ -1 +1 @@\n-{gone}\n+{new}\n"))
    assert (before.text, after.text) == (gone, new)
    assert (before.marked, after.marked) == differing


def test_lines_that_are_not_as_many_are_not_compared() -> None:
    lines = diff_panels.read_patch(split("@@ -1 +1,2 @@\n-value = 1\n+value = 2\n+value = 3\n"))
    assert not any(line.marked for line in lines)


def test_each_line_of_a_conflict_says_whose_it_is() -> None:
    diff = (
        "@@ -1,3 +1,9 @@\n+=======\n+<<<<<<< 0123abc\n mine\n+||||||| 4567def\n+was\n+=======\n"
        "+theirs\n+>>>>>>> 89ab\n after\n+>>>>>>> quoted\n"
    )
    read = [(line.origin, line.text) for line in diff_panels.read_conflict(split(diff))][1:]
    assert read == [
        ("", "======="),
        ("marker", "<<<<<<< yours"),
        ("yours", "mine"),
        ("marker", "||||||| as rendered"),
        ("before", "was"),
        ("marker", "======="),
        ("theirs", "theirs"),
        ("marker", ">>>>>>> the template's"),
        ("", "after"),
        ("", ">>>>>>> quoted"),
    ]


def added(lines: int) -> Patch:
    hunk = f"@@ -0,0 +1,{lines} @@\n" + "+a\n" * lines
    return Patch("a.txt", "a.txt", ("000000", "100644"), hunk)


def lengths(panels: Iterable[diff_panels.Panel]) -> list[tuple[int, int, int]]:
    """How many lines of each are shown, places among them, left out, and new."""
    return [(sum(map(len, each.runs)), each.left_out, each.new) for each in panels]


def test_a_page_has_room_for_so_many_lines_and_says_what_it_left_out() -> None:
    budget = diff_panels.Budget(801)
    shown = [diff_panels.panel("It", added(600), budget) for _ in range(3)]
    assert lengths(shown) == [(601, 0, 600), (200, 401, 600), (0, 600, 600)]
    (line,) = diff_panels.read_patch(split(f"+{'x' * 5000}\n"))
    assert line.text == "x" * 400 + " … 4600 more characters"


def panels(
    outcome: Outcome, result: Patch | None, template: Patch, yours: Patch | None = None
) -> tuple[diff_panels.Panel, ...]:
    sides = (Side(tuple(filter(None, [each]))) for each in (template, yours, result))
    file = FileOutcome("a.txt", "changed", "changed" if yours else "", outcome)
    return diff_panels.panels_of(file, Diffs(*sides), diff_panels.Budget(), "show a.txt")


@pytest.mark.parametrize(
    ("outcome", "most"), [(Outcome.NEW, 25), (Outcome.DELETED, 25), (Outcome.UPDATED, 70)]
)
def test_only_what_nobody_else_touched_is_shortened(outcome: Outcome, most: int) -> None:
    long = added(600)
    (alone,) = panels(outcome, long, long)
    assert lengths([alone]) == [(most, 601 - most, 600)]
    assert (alone.title, alone.rest) == ("As in the template", "show a.txt")
    for theirs in (Outcome.CONFLICT, Outcome.MERGED, outcome):
        every = panels(theirs, long, added(599), added(598))
        assert [each.left_out for each in every] == [0, 0, 0]


def test_what_is_the_same_is_told_once() -> None:
    def change(place: int, line: str) -> Patch:
        return Patch("a.txt", "a.txt", ("100644",) * 2, f"@@ -{place} +{place} @@\n-a\n+{line}\n")

    merged = panels(Outcome.MERGED, change(9, "b"), change(5, "b"), change(1, "c"))
    titles = ["The result, the same as the template's change", "Your change"]
    assert [each.title for each in merged] == titles
    both = panels(Outcome.MERGED, None, change(1, "b"), change(1, "b"))
    assert [each.title for each in both] == ["The template's change, the same as your change"]
    binary = Patch("a.txt", "a.txt", ("100644",) * 2, binary=True)
    conflict = panels(Outcome.CONFLICT, None, binary, binary)
    assert [each.title for each in conflict] == ["The template's change", "Your change"]


@pytest.mark.parametrize(
    ("modes", "hunk", "remarks"),
    [
        (("100644", "100755"), "", ("executable now",)),
        (("100755", "100644"), "", ("no longer executable",)),
        (("100644", "120000"), "@@ -1 +1 @@\n-a\n+b\n", ("a symbolic link now",)),
        (("000000", "100644"), "", ("new", "empty")),
        (("100644", "000000"), "@@ -1 +0,0 @@\n-a\n", ("deleted",)),
    ],
)
def test_what_is_no_line_is_a_remark(
    modes: tuple[str, str], hunk: str, remarks: tuple[str, ...]
) -> None:
    patch = Patch("a", "a", modes, hunk)
    assert diff_panels.panel("It", patch, diff_panels.Budget()).remarks == remarks


def test_a_changelog_is_words_and_no_markup() -> None:
    text = (
        "First\nparagraph.\n\n- **Bold**: `--code`,\n  goes on\n- <b>\n\n### Title\n\n2 * 3 * 4 `"
    )
    assert markdown(text) == (
        "<p>First\nparagraph.</p>\n"
        "<ul>\n<li><strong>Bold</strong>: <code>--code</code>,\ngoes on</li>\n"
        "<li>&lt;b&gt;</li>\n</ul>\n"
        "<h4>Title</h4>\n<p>2 * 3 * 4 `</p>\n"
    )
    assert markdown("[a](javascript:alert(1)) ![b](c) &lt; \x1b<!-- -->") == (
        "<p>[a](javascript:alert(1)) ![b](c) &amp;lt; \\x1b&lt;!-- --&gt;</p>\n"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("größe 漢字 🎉", "größe 漢字 🎉"),
        ("a\tb", "a\tb"),
        ("a\nb\r", r"a\nb\r"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("caf\udce9", r"caf\xe9"),
        ("\u202eevil\u2066", r"\u202eevil\u2066"),
        ("\x9b31m", r"\x9b31m"),
    ],
)
def test_a_character_that_would_act_is_told_by_its_number(text: str, shown: str) -> None:
    assert escape(text, keep="\t") == shown


# -- tables ----------------------------------------------------------------------------------------

COLUMNS = (Column("project", shrinks=True), Column("behind", numeric=True), Column("why"))


def table(*rows: tuple[str, ...]) -> ReportTable:
    return ReportTable(COLUMNS, [TableRow(" ", cells) for cells in rows])


def at_a_terminal(
    *rows: tuple[str, ...], columns: int, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    shown = io.StringIO()
    monkeypatch.setattr("sys.stdout", shown)
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal.show([table(*rows)], colour=False)
    return [line.rstrip() for line in shown.getvalue().splitlines()]


WIDE = (("shop", "2", "new"), ("商店", "10", "cafe\u0301"))
ALIGNED = [
    "  project  behind  why",
    "  shop          2  new",
    "  商店         10  cafe\u0301",
]


def test_columns_are_aligned_whatever_letters_are_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(table(*WIDE).plain) == ALIGNED
    assert at_a_terminal(*WIDE, columns=80, monkeypatch=monkeypatch) == ALIGNED


def test_where_there_is_little_room_a_path_keeps_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (("/home/ada/code/shop", "2", "new"), ("/home/ada/店/cart", "1", "new"))
    assert at_a_terminal(*rows, columns=32, monkeypatch=monkeypatch) == [
        "  project            behind  why",
        "  …me/ada/code/shop       2  new",
        "  /home/ada/店/cart       1  new",
    ]
    narrow = at_a_terminal(*rows, columns=5, monkeypatch=monkeypatch)
    assert all(line.endswith(("why", "new")) for line in narrow), "nothing else is cut"


# -- reports ---------------------------------------------------------------------------------------


def test_a_page_that_cannot_be_written_hides_nothing_of_what_follows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Page("shop", "Up to date", "There is nothing to do.")
    done = Report(["done"]).with_page(tmp_path / "missing/page.html", lambda: page)
    with pytest.raises(HeadstartError, match="cannot be written"):
        output.present([done, Report(["verified"], exit_code=ExitCode.FAILED)])
    assert [line for line in capsys.readouterr().out.splitlines() if "page" not in line] == [
        "done",
        "verified",
    ]


def test_the_first_failure_of_several_reports_is_the_exit_code() -> None:
    reports = [Report(), Report(exit_code=ExitCode.FAILED), Report(exit_code=ExitCode.DRIFT)]
    assert output.present(reports) is ExitCode.FAILED
