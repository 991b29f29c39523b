"""Decisions of a report that need neither git nor a browser: how a diff and a text are read."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from bootstrap.errors import ExitCode, HeadstartError
from bootstrap.project.diffs import Patch
from bootstrap.show import diff_panels, output, terminal
from bootstrap.show.items import Column, ReportTable, TableRow
from bootstrap.show.page import Page
from bootstrap.show.page_file import markdown
from bootstrap.show.report import Report
from bootstrap.show.text import escape


def split(diff: str) -> list[str]:
    return diff.removesuffix("\n").split("\n")


def told(text: str) -> list[tuple[str, int | None, int | None, str]]:
    return [
        (line.kind, line.before, line.after, line.text)
        for line in diff_panels.read_patch(split(text))
    ]


def test_lines_have_the_numbers_that_they_have_in_the_files() -> None:
    diff = "@@ -3,3 +5,3 @@ def f():\n same\n-gone\n+new\n last\n\\ No newline at end of file\n"
    assert told(diff) == [
        ("place", 3, 5, "def f():"),
        ("same", 3, 5, "same"),
        ("removed", 4, None, "gone"),
        ("new", None, 6, "new"),
        ("same", 5, 7, "last"),
        ("remark", None, None, " No newline at end of file"),
    ]


def test_only_a_newline_ends_a_line() -> None:
    assert [line[3] for line in told("@@ -0,0 +1 @@\n+a\rb\u2028c\x0c\r\n")] == [
        "",
        r"a\rb\u2028c\x0c\r",
    ]


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


def test_a_page_has_room_for_so_many_lines_and_says_what_it_left_out() -> None:
    diff = "@@ -0,0 +1,600 @@\n" + "+a\n" * 600
    patch = Patch("a.txt", "a.txt", ("000000", "100644"), diff)
    budget = diff_panels.Budget(500)
    shown = [
        diff_panels.panel("It", patch, budget, "headstart update --diff a.txt") for _ in range(3)
    ]
    assert [(len(each.lines), each.left_out, each.new) for each in shown] == [
        (400, 201, 600),
        (100, 501, 600),
        (0, 601, 600),
    ]
    (line,) = diff_panels.read_patch(split(f"+{'x' * 5000}\n"))
    assert line.text == "x" * 400 + " … 4600 more characters"


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
