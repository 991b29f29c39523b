"""`--html`: the page of a project in which everything is hostile, in a real Chromium."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import HeadstartError
from bootstrap.project.outcomes import Outcome
from bootstrap.show import page_file
from bootstrap.show.diff_panels import LINES_OF
from tests.lifecycle.browser import Tab, chromium
from tests.lifecycle.conftest import NAME, TEN, Package, commit, lasting, write
from tests.lifecycle.test_every_version import VERSIONS, new
from tests.project.conftest import git, headstart
from tests.waiting import wait_until

pytestmark = pytest.mark.xdist_group("report-page")

ATTACK = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
ANSWER = f'colour: {{type: str, help: Colour, default: "{ATTACK}"}}\n'
MANY = "".join(f"line {number}\n" for number in range(3000))
BINARY = bytes(range(256))
ONE: dict[str, str | bytes] = {
    "app/torn.txt": TEN,
    "torn.bin": BINARY,
    "<img src=x onerror=alert(1)>.txt": TEN,
    'a "b" & c.txt': TEN,
    "latin.txt": b"caf\xe9\n" * 5,
    "large.lock": MANY,
    "run.sh": "#!/bin/sh\necho run\n",
    "goes.txt": "goes\n",
    "deleted.txt": TEN.replace("\n", " of deleted\n"),
    "old/place.txt": TEN,
    "theirs/place.txt": TEN.replace("1", "one"),
}
TWO: dict[str, str | bytes | None] = {
    "app/torn.txt": TEN.replace("5\n", f"theirs {ATTACK}\n"),
    "torn.bin": BINARY + b"theirs",
    "<img src=x onerror=alert(1)>.txt": TEN.replace("5\n", f"five {ATTACK}\n"),
    'a "b" & c.txt': TEN.replace("5\n", "five\n"),
    "latin.txt": b"caf\xe9\n" * 4 + b"th\xe9\n",
    "large.lock": MANY.replace("line", "row"),
    "goes.txt": None,
    "deleted.txt": TEN.replace("\n", " of deleted\n") + "more\n",
    "old/place.txt": TEN.replace("5\n", "five\n"),
    "theirs/place.txt": None,
    "moved/place.txt": TEN.replace("1", "one"),
    "new.txt": "new\n",
}
MOVED = "mine\n\x1b[31m\u202emoved.txt"  # an end of line, a colour, and all that follows reversed
SHOWN = r"mine\n\x1b[31m\u202emoved.txt"


def hostile(package: Package, shop: Path) -> None:
    """A project of 1.0.0 that meets all of 2.0.0."""
    package.release("1.0.0", ONE)
    package.new(shop, "1.0.0")
    write(shop / "app/torn.txt", TEN.replace("5\n", f"mine {ATTACK}\n"))
    write(shop / "torn.bin", BINARY + b"mine")
    write(shop / 'a "b" & c.txt', TEN.replace("9\n", "nine\r\n"))
    (shop / "deleted.txt").unlink()
    (shop / "old/place.txt").rename(shop / MOVED)
    commit(shop)
    package.questions = NAME + ANSWER
    package.modes["run.sh"] = 0o755
    package.release("2.0.0", TWO)
    changelog = package.root / "CHANGELOG.md"
    told = f"What 2.0.0 is {ATTACK}.\n\n- **Attention**: `{ATTACK}`\n- {ATTACK}"
    changelog.write_text(changelog.read_text().replace("What 2.0.0 is.", told))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Package, Path]]:
    folder = tmp_path_factory.mktemp("hostile")
    with lasting(folder) as package:
        hostile(package, folder / "shop")
        yield package, folder / "shop"


@pytest.fixture(scope="module")
def page(world: tuple[Package, Path]) -> Path:
    """The page of its preview."""
    package, shop = world
    path = shop.parent / "page.html"
    told = package.told("update", "--preview", "--html", path, cwd=shop, code=1)
    assert told["html"] == str(path)
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Tab]:
    with chromium() as tab:
        yield tab


@pytest.fixture
def tab(browser: Tab, page: Path) -> Tab:
    browser.show(1440)
    browser.open(page)
    return browser


def details(tab: Tab, path: str) -> str:
    """All that is on the page about one file."""
    told: str = tab.run(
        f"[...document.querySelectorAll('details.file')]"
        f".find((each) => each.dataset.path === {path!r}).textContent"
    )
    return " ".join(told.split())


def shown(tab: Tab) -> list[str]:
    """The paths of the diffs that can be seen."""
    seen: list[str] = tab.run(
        "[...document.querySelectorAll('details.file')]"
        ".filter((each) => each.getClientRects().length).map((each) => each.dataset.path)"
    )
    return seen


def test_what_is_hostile_is_only_text(tab: Tab, page: Path) -> None:
    tab.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert tab.run("window.hacked === undefined && document.images.length === 0")
    assert tab.run("document.scripts.length") == 1
    assert tab.requests == [page.as_uri()], "it asks for nothing but itself"
    assert tab.complaints == []
    text = tab.run("document.body.textContent")
    for where in (f"What 2.0.0 is {ATTACK}", f"theirs {ATTACK}", f"mine {ATTACK}"):
        assert where in text
    assert (
        tab.run("document.querySelector('.facts dd').textContent") == f"colour = {ATTACK} (default)"
    )
    assert "<img src=x onerror=alert(1)>.txt" in shown(tab)
    assert SHOWN in shown(tab)
    assert not {"\x1b", "\u202e"} & set(text)


def test_no_script_can_be_brought_in(tab: Tab) -> None:
    script = """(() => {
        const script = document.createElement("script");
        script.textContent = "window.hacked = 1";
        document.body.append(script);
        document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.hacked = 1'>");
        const style = document.createElement("style");
        style.textContent = "body { display: none }";
        document.body.append(style);
    })()"""
    tab.run(script)
    assert tab.run("window.hacked === undefined")
    assert tab.run("getComputedStyle(document.body).display") == "block"
    assert len(tab.complaints) >= 3, "its policy has refused each"


def test_each_file_is_told_with_its_diffs(tab: Tab) -> None:
    titles = tab.run("[...document.querySelectorAll('.index caption')].map((e) => e.innerText)")
    counted = ["Conflicts 2", "Merged 2", "Moved 1", "Deleted 1", "Kept 1", "Updated 5", "New 1"]
    assert [title.split(maxsplit=1)[1] for title in titles] == counted
    torn = details(tab, "app/torn.txt")
    assert "both changed the same lines" in torn
    assert "then git add app/torn.txt" in torn
    assert f"+<<<<<<< yours mine {ATTACK} +||||||| as rendered +5 +=======" in torn
    assert "The template's change+1 \N{MINUS SIGN}1" in torn
    assert "Your change+1 \N{MINUS SIGN}1" in torn
    assert tab.run("[...document.querySelectorAll('.of-theirs')].length") == 1
    assert "binary: no lines to show" in details(tab, "torn.bin")
    assert "executable now" in details(tab, "run.sh")
    assert "from theirs/place.txt" in details(tab, "moved/place.txt")
    assert "The template's change, which is not applied" in details(tab, "deleted.txt")
    assert "moved from old/place.txt" in details(tab, SHOWN)
    assert "caf\\xe9" in details(tab, "latin.txt")
    assert "nine\\r" in details(tab, 'a "b" & c.txt')
    large = details(tab, "large.lock")
    assert "… 5,931 more lines: headstart update --diff large.lock" in large


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [320, 390, 820, 1440])
def test_it_fits_and_can_be_read(tab: Tab, width: int, dark: bool) -> None:
    tab.show(width, dark=dark)
    tab.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert tab.run("document.documentElement.scrollWidth") <= width
    assert tab.run(FAINT) == [], "WCAG 2.2 AA: 4.5 to 1"


# The texts whose colour has too little contrast to what is painted under them.
FAINT = """(() => {
    const numbers = (colour) => {
        const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
        return { rgb: [r, g, b], a };
    };
    const luminance = (rgb) => rgb.map((c) => c / 255)
        .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const under = (element) => {
        for (let each = element; each; each = each.parentElement) {
            const found = numbers(getComputedStyle(each).backgroundColor);
            if (found.a === 1) return found.rgb;
        }
        return [255, 255, 255];
    };
    const found = new Set();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || element.closest("script, .unseen, .skip")) continue;
        for (const pseudo of [null, "::before"]) {
            const colour = numbers(getComputedStyle(element, pseudo).color).rgb;
            const both = [luminance(colour), luminance(under(element))];
            const [low, high] = both.sort((a, b) => a - b);
            const ratio = (high + 0.05) / (low + 0.05);
            const name = `${element.tagName}.${element.className}`;
            if (ratio < 4.5) found.add(`${name}${pseudo ?? ""} ${ratio.toFixed(2)}`);
        }
    }
    return [...found];
})()"""


def test_its_outline_is_one_that_a_screen_reader_can_walk(tab: Tab) -> None:
    assert tab.run("document.documentElement.lang") == "en"
    assert tab.run("document.querySelectorAll('h1').length") == 1
    assert tab.run("document.querySelectorAll('main, header, footer').length") == 3
    tree = tab.send("Accessibility.getFullAXTree")["nodes"]
    named = {(role(node), node.get("name", {}).get("value", "")) for node in tree}
    assert ("heading", "shop") not in named
    assert ("columnheader", "Template") in named
    assert any(kind == "checkbox" and "Conflicts" in name for kind, name in named)
    unnamed = [each for each in named if each[0] in {"button", "checkbox", "link"} and not each[1]]
    assert unnamed == []
    ids = tab.run("[...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids))
    levels = tab.run("[...document.querySelectorAll('h1,h2,h3,h4')].map((e) => +e.tagName[1])")
    assert all(after - before <= 1 for before, after in pairwise(levels))


def role(node: dict[str, Any]) -> str:
    return str(node.get("role", {}).get("value", ""))


def test_kinds_are_filtered_files_are_found_and_keys_lead_on(tab: Tab) -> None:
    everything = shown(tab)
    assert everything[:2] == ["app/torn.txt", "torn.bin"], "what is to be settled comes first"
    tab.click("label.new")
    tab.click("label.conflict")
    assert set(everything) - set(shown(tab)) == {"new.txt", "app/torn.txt", "torn.bin"}
    tab.click("label.conflict")
    tab.type("/")
    tab.type("TORN")
    assert shown(tab) == ["app/torn.txt", "torn.bin"]
    assert tab.run("document.getElementById('shown').value") == "2 of 13"
    tab.send("Input.dispatchKeyEvent", type="keyDown", key="Escape", windowsVirtualKeyCode=27)
    tab.type("jjk")
    focused = "document.activeElement.closest('details').dataset.path"
    assert tab.run(focused) == "app/torn.txt"
    tab.click("#all")
    assert tab.run("[...document.querySelectorAll('details.file')].every((each) => each.open)")
    tab.click("#all")
    assert not tab.run("[...document.querySelectorAll('details.file')].some((each) => each.open)")


@pytest.mark.parametrize("script", [True, False])
def test_a_file_in_the_table_leads_to_its_diff(tab: Tab, page: Path, script: bool) -> None:
    tab.send("Emulation.setScriptExecutionDisabled", value=not script)
    try:
        tab.open(page)
        assert tab.run("document.querySelector('.tools').hidden") is not script
        opened = "document.querySelector('details.updated[data-path=\"latin.txt\"]').open"
        assert tab.run(opened) is False
        place = tab.run("document.querySelector('[data-path=\"latin.txt\"] .body').id")
        tab.click(f"a[href='#{place}']")
        assert tab.run(opened) is True
        tab.click("label.new")
        wait_until(lambda: "new.txt" not in shown(tab), "the new ones to go")
    finally:
        tab.send("Emulation.setScriptExecutionDisabled", value=False)


def test_printed_it_has_every_diff(tab: Tab) -> None:
    tab.send("Emulation.setEmulatedMedia", media="print")
    try:
        seen = (
            "document.querySelector('details[data-path=\"latin.txt\"] pre').getClientRects().length"
        )
        assert tab.run(seen) > 0
        assert tab.run("document.querySelectorAll('button').length") > len(COMMANDS)
        assert tab.run(BUTTONS) == []
    finally:
        tab.send("Emulation.setEmulatedMedia", media="")


COMMANDS = ["git add app/torn.txt", "git checkout --ours torn.bin", "git add torn.bin"]
EMPTY_SEARCH = """(() => {
    const search = document.getElementById("search");
    search.value = "";
    search.dispatchEvent(new Event("input"));
})()"""
BUTTONS = """[...document.querySelectorAll("button, [type=search]")]
    .filter((each) => each.getClientRects().length).map((each) => each.textContent)"""
# The texts that nothing is seen of.
UNSEEN = """(() => {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || element.closest("script, .tools[hidden]")) continue;
        const range = document.createRange();
        range.selectNodeContents(walker.currentNode);
        if (!range.getClientRects().length) found.push(walker.currentNode.data);
    }
    return found;
})()"""


def test_without_scripts_all_of_it_can_be_read(tab: Tab, page: Path) -> None:
    tab.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open(page)
        assert tab.run(BUTTONS) == [], "none that would do nothing"
        while tab.run("document.querySelectorAll('details:not([open])').length"):
            tab.click("details:not([open]) > summary")
        assert tab.run(UNSEEN) == []
        assert tab.run("document.querySelectorAll('pre').length") > len(shown(tab))
        advice = "[...document.querySelectorAll('.body .advice code')].map((e) => e.textContent)"
        assert tab.run(advice) == COMMANDS
    finally:
        tab.send("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("clipboard", [True, False])
def test_a_button_copies_the_command_beside_it(tab: Tab, page: Path, clipboard: bool) -> None:
    without = "Object.defineProperty(navigator, 'clipboard', {value: undefined});"
    source = "" if clipboard else without
    added = tab.send("Page.addScriptToEvaluateOnNewDocument", source=source)
    tab.open(page)
    tab.send("Page.removeScriptToEvaluateOnNewDocument", **added)
    assert tab.run("navigator.clipboard !== undefined") is clipboard
    places = ".next code, .advice code, .more code"
    count = tab.run(f"document.querySelectorAll('{places}').length")
    assert tab.run("document.querySelectorAll('code + button.copy').length") == count > 7
    for at, command in enumerate(COMMANDS):
        button = f"document.querySelectorAll('.body .advice button')[{at}]"
        assert tab.run(f"{button}.ariaLabel") == f"Copy {command}"
        tab.run(f"{button}.focus()")
        tab.send("Input.dispatchKeyEvent", type="keyDown", key="Enter", text="\r")
        tab.send("Input.dispatchKeyEvent", type="keyUp", key="Enter")
        told = "document.querySelector('output.unseen').value"
        wait_until(lambda: tab.run(told) == f"Copied: {command}", command)  # noqa: B023 - at once
        assert tab.run(f"document.activeElement === {button}")
        tab.run("document.getElementById('search').select()")
        tab.send("Input.dispatchKeyEvent", type="keyDown", key="v", commands=["paste"])
        assert tab.run("document.getElementById('search').value") == command
        tab.run(EMPTY_SEARCH)  # it has hidden every file that is not called so
    assert tab.complaints == []


def test_the_same_preview_is_the_same_bytes(world: tuple[Package, Path], page: Path) -> None:
    package, shop = world
    before = page.read_bytes()
    again = shop.parent / "again.html"
    package.told("update", "--preview", "--html", again, cwd=shop, code=1)
    assert again.read_bytes() == before
    package.told("update", "--preview", "--html", again, cwd=shop, code=1)
    assert again.read_bytes() == before, "and a report is replaced by the next"


def test_a_page_of_a_hundred_files_is_small(tmp_path: Path) -> None:
    """Its bytes are counted: from the first release to the newest, nearly every file changes."""
    shop = new(tmp_path, "0.1.0")
    words = ("update", "--to", VERSIONS[-1], "--preview", "--html", "page.html")
    run = headstart(*words, cwd=shop)
    assert run.returncode == 0, run.stdout + run.stderr
    text = (shop / "page.html").read_text()
    diffs = text[text.index('<section class="diffs"') : text.index("<script>")]
    files = diffs.count("<details class=")
    assert files > 100
    assert len(text.encode()) / files <= 3_000
    assert sum(map(len, re.findall(r"<[^>]+>", diffs))) / files <= 600, "of markup for a file"


def test_what_is_left_out_is_shown_by_the_command_beside_it(tmp_path: Path) -> None:
    """Also where the page is one of a command that shows no diffs itself."""
    shop = new(tmp_path, VERSIONS[-1])
    run = headstart("feature", "add", "cache", "--preview", "--html", "page.html", cwd=shop)
    assert run.returncode == 0, run.stdout + run.stderr
    told = re.search(r"… (\d+) more lines: <code>(.*?)</code>", (shop / "page.html").read_text())
    assert told
    program, *words = shlex.split(unescape(told[2]))
    assert program == "headstart"
    lines = headstart(*words, cwd=shop).stdout.partition("\n@@")[2].splitlines()[1:]
    assert len(lines) == int(told[1]) + LINES_OF[Outcome.NEW] - 1


def test_drift_has_a_page(world: tuple[Package, Path], browser: Tab) -> None:
    package, shop = world
    write(shop / ".headstart/drift.yml", "- {path: torn.bin, reason: our own}\n")
    path = shop.parent / "drift.html"
    run = package.headstart("drift", "--html", path, cwd=shop)
    assert run.returncode == 0, run.stderr
    assert f"As a page: {path}" in run.stdout
    browser.open(path)
    assert "4 files differ, 1 accepted." in browser.run("document.body.innerText")
    torn = details(browser, "app/torn.txt")
    assert f"mine {ATTACK}" in torn
    assert "the newest template changes it too" in torn
    assert "accepted: our own" in details(browser, "torn.bin")
    assert "Ada: Mine" in browser.run("document.querySelector('.index td').textContent")
    assert browser.complaints == []
    (shop / ".headstart/drift.yml").unlink()


# -- where it is written ---------------------------------------------------------------------------


def test_a_place_that_cannot_be_written_to_is_told_before_anything_is_done(
    world: tuple[Package, Path],
) -> None:
    package, shop = world
    head = git("rev-parse", "HEAD", cwd=shop)
    for place, code, told in (
        (shop.parent / "missing/page.html", 64, "there is no folder"),
        (shop / "app/torn.txt", 4, "is no report of Headstart"),
    ):
        run = package.headstart("update", "--html", place, cwd=shop)
        assert run.returncode == code, run.stderr
        assert told in run.stderr
        assert "next: " in run.stderr
    assert git("rev-parse", "HEAD", cwd=shop) == head
    assert git("status", "--porcelain", cwd=shop) == ""
    run = package.headstart("update", "--abort", "--html", "page.html", cwd=shop)
    assert run.returncode == 64


@pytest.mark.parametrize("place", ["folder", "link.html", "pipe", "/proc/page.html"])
def test_only_a_file_that_may_be_a_report_is_written(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.html").symlink_to("nowhere.html")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(HeadstartError, match=r"cannot be written to|is no report"):
        page_file.check_writable(tmp_path / place)
    page_file.check_writable(tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_what_was_done_is_on_its_page(package: Package, tmp_path: Path, browser: Tab) -> None:
    package.release("1.0.0", {"a.txt": TEN})
    shop = package.new(tmp_path / "shop", "1.0.0")
    write(shop / "a.txt", TEN.replace("9\n", "mine\n"))
    commit(shop)
    package.release("2.0.0", {"a.txt": TEN.replace("2\n", "two\n")})
    done = package.told("update", "--html", "page.html", cwd=shop)
    browser.open(shop / "page.html")
    text = browser.run("document.body.innerText")
    assert f"Done: it is commit {done['commit'][:10]}." in text
    assert "headstart update --rollback" in text
    assert "Your change+1 \N{MINUS SIGN}1" in details(browser, "a.txt")
    package.release("3.0.0", {"a.txt": TEN.replace("9\n", "theirs\n")})
    told = package.told("update", "--html", "page.html", cwd=shop, code=1)
    assert told["counts"]["conflict"] == 1, told
    browser.open(shop / "page.html")
    assert "theirs" in details(browser, "a.txt")
    assert "1 conflict to resolve." in browser.run("document.body.innerText")
    assert "headstart update --continue" in browser.run("document.body.innerText")
    assert {path.name for path in shop.iterdir()} >= {"page.html"}
    assert (shop / "page.html").stat().st_mode & 0o777 == 0o666 & ~umask()
    package.told("update", "--abort", cwd=shop)
    assert (shop / "page.html").is_file()
    package.told("update", "--to", "2.0.0", "--html", "page.html", cwd=shop)
    assert "There is nothing to do." in (shop / "page.html").read_text()


def umask() -> int:
    known = os.umask(0)
    os.umask(known)
    return known
