"""`make dev` in a real terminal: what it says, what it reloads, and that nothing outlives it."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.conftest import nightly_but
from tests.rendered.servers import free_port, running_redis
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("project"),
    pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc to find processes"),
]

CTRL_C = b"\x03"
# A session's leader opens a terminal and has it: Ctrl-C and a closed window are then signals.
IN_TERMINAL = 'exec <"$0" >"$0" 2>&1; "$@"; exit $?'


class Terminal:
    """A command in a terminal of its own, and every process that has come of it."""

    def __init__(self, *command: str, cwd: Path, **settings: str) -> None:
        self.mark = f"DEV_TEST={uuid4().hex}"
        self._master, self._slave = pty.openpty()
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", IN_TERMINAL, os.ttyname(self._slave), *command],
            cwd=cwd,
            env=os.environ | settings | dict([self.mark.split("=")]),
            start_new_session=True,
        )
        self._screen = bytearray()
        self._closed = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        """Read while the window is open; nobody may be reading when it is closed."""
        while not self._closed.is_set():
            if select.select([self._master], [], [], 0.05)[0]:
                self._screen += os.read(self._master, 65536)
        os.close(self._master)

    @property
    def text(self) -> str:
        return self._screen.decode(errors="replace").replace("\r\n", "\n")

    def wait_for(self, text: str) -> None:
        def is_shown() -> bool:
            assert self.process.poll() is None or text in self.text, self.text
            return text in self.text

        wait_until(is_shown, f"{text!r} in the terminal")

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def close(self) -> None:
        """Close the window."""
        self._closed.set()
        self._reader.join()

    def pids(self, command: str = "") -> list[int]:
        """Every process of this terminal, or those with `command` in their command line."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                lives = (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if lives and self.mark in (entry / "environ").read_text() and command in words:
                    found.append(int(entry.name))
        return sorted(found)

    def end(self) -> None:
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.close()
        os.close(self._slave)


@pytest.fixture
def shop(project: Path, tmp_path: Path) -> Path:
    """The project's files to be edited, with its environment and a database of their own."""
    ignored = shutil.ignore_patterns(".venv", ".git", "__pycache__", ".*_cache")
    shop = Path(shutil.copytree(project, tmp_path / "shop", ignore=ignored))
    (shop / ".venv").symlink_to(project / ".venv")
    return shop


@contextmanager
def serving(shop: Path, *command: str, **settings: str) -> Iterator[tuple[Terminal, str]]:
    """Run `make dev` until the test is done with it; yield its terminal and the api's address."""
    port = free_port()
    terminal = Terminal(*(command or ("make", "dev")), cwd=shop, PORT=str(port), **settings)
    try:
        terminal.wait_for(f"Docs    http://127.0.0.1:{port}/docs\nJobs    run in the ")
        yield terminal, f"http://127.0.0.1:{port}"
    finally:
        terminal.end()


@contextmanager
def serving_with_a_worker(shop: Path, tmp_path: Path) -> Iterator[tuple[Terminal, str]]:
    with (
        running_redis(tmp_path) as (redis_url, _),
        serving(shop, REDIS_URL=redis_url) as (terminal, url),
    ):
        terminal.wait_for("Application startup complete.")
        terminal.wait_for("Worker process is ready for action.")
        yield terminal, url


def press_ctrl_c(terminal: Terminal) -> None:
    terminal.type(CTRL_C)


def close_the_window(terminal: Terminal) -> None:
    terminal.close()


def send_sigterm(terminal: Terminal) -> None:
    os.kill(supervisor(terminal), signal.SIGTERM)


def kill_the_command(terminal: Terminal) -> None:
    os.kill(supervisor(terminal), signal.SIGKILL)


def kill_make(terminal: Terminal) -> None:
    (make,) = (pid for pid in terminal.pids("make dev") if pid != terminal.process.pid)
    os.kill(make, signal.SIGKILL)


def supervisor(terminal: Terminal) -> int:
    """The older of two: the other is its guard."""
    return terminal.pids("-m app dev")[0]


def edit(shop: Path, old: str, new: str) -> None:
    main = shop / "app/main.py"
    text = main.read_text("utf-8")
    assert old in text
    main.write_text(text.replace(old, new), encoding="utf-8")


def first_page(url: str) -> str:
    """Where `/` leads; asked again where a process that was about to end had accepted it."""
    while True:
        try:
            return httpx.get(url, timeout=300).headers["location"]
        except httpx.ConnectError:
            raise
        except httpx.TransportError:
            continue


ENDS = {
    each.__name__: each
    for each in (press_ctrl_c, close_the_window, send_sigterm, kill_the_command, kill_make)
}


@pytest.mark.parametrize("end", nightly_but("press_ctrl_c", "kill_the_command", of=ENDS))
def test_nothing_outlives_it(shop: Path, tmp_path: Path, end: str) -> None:
    with serving_with_a_worker(shop, tmp_path) as (terminal, _):
        assert len(terminal.pids("app.worker:boot")) == 2
        assert terminal.pids("-m app api")
        ENDS[end](terminal)
        wait_until(lambda: not terminal.pids(), "every process to end")
        assert terminal.process.wait() != 0


def test_nothing_outlives_it_when_it_is_killed_before_it_serves(shop: Path, tmp_path: Path) -> None:
    with running_redis(tmp_path) as (url, _), serving(shop, REDIS_URL=url) as (terminal, _):
        wait_until(lambda: bool(terminal.pids("app.worker:boot")), "the worker to begin")
        kill_the_command(terminal)
        wait_until(lambda: not terminal.pids(), "every process to end")


def test_it_says_at_once_where_it_serves_and_who_runs_the_jobs(shop: Path, tmp_path: Path) -> None:
    with serving(shop) as (terminal, _):
        terminal.wait_for("Jobs    run in the api, as there is no REDIS_URL\n")
        terminal.wait_for("Reload  when a Python file in app/ changes")
    with (
        running_redis(tmp_path) as (redis_url, _),
        serving(shop, REDIS_URL=redis_url) as (terminal, _),
    ):
        place = redis_url.removeprefix("redis://").removesuffix("/0")
        terminal.wait_for(f"Jobs    run in the worker, sent through Redis on {place}\n")


def test_the_first_page_is_the_docs_and_a_request_is_one_line(shop: Path) -> None:
    with serving(shop) as (terminal, url):
        found = httpx.get(url, follow_redirects=True, timeout=300)
        assert (str(found.url), found.status_code) == (f"{url}/docs", 200)
        httpx.get(f"{url}/v1/profiles", timeout=300).raise_for_status()
        terminal.wait_for("GET /v1/profiles 200 in ")
        (line,) = (line for line in plain(terminal.text).splitlines() if "/v1/profiles" in line)
        assert len(line) <= 80


def plain(text: str) -> str:
    """The text without what colours it."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_in_production_the_first_page_is_nothing(shop: Path) -> None:
    secret = {"ENVIRONMENT": "production", "SECRET_KEY": "s" * 40}
    with serving(shop, **secret) as (_, url):
        assert httpx.get(url, timeout=300).status_code == 404


@pytest.mark.parametrize("command", ["dev", "api"])
def test_a_taken_port_is_named_with_its_owner(shop: Path, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [shop / ".venv/bin/python", "-m", "app", command],
            cwd=shop,
            env=os.environ | {"PORT": str(port)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert f"Port {port} is taken by pid {os.getpid()}: " in done.stderr
    assert "pytest" in done.stderr or "python" in done.stderr
    assert "choose another port: PORT=" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(("victim", "name"), [("-m app api", "api"), ("app.worker:boot", "worker")])
def test_when_one_dies_the_other_ends_and_the_code_tells(
    shop: Path, tmp_path: Path, victim: str, name: str
) -> None:
    with serving_with_a_worker(shop, tmp_path) as (terminal, _):
        os.kill(terminal.pids(victim)[0], signal.SIGKILL)
        wait_until(lambda: not terminal.pids(), "every process to end")
        assert terminal.process.wait() != 0
    assert f"The {name} has ended by SIGKILL, so everything ends" in terminal.text
    assert "Error 137" in terminal.text


def test_an_api_that_cannot_start_ends_it(shop: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'never-migrated.db'}"
    with serving(shop, DATABASE_URL=url) as (terminal, _):
        assert terminal.process.wait() != 0
    assert "The api has ended with code 3, so everything ends" in terminal.text


def test_both_are_started_again_under_load(shop: Path, tmp_path: Path) -> None:
    """No request is refused meanwhile, and the old processes are gone."""
    with serving_with_a_worker(shop, tmp_path) as (terminal, url):
        before = terminal.pids("-m app api") + terminal.pids("app.worker:boot")
        ended = threading.Event()

        def ask() -> list[str]:
            told = []
            while not ended.is_set():
                try:
                    told.append(first_page(url))
                except httpx.ConnectError:
                    told.append("refused")
            return told

        with ThreadPoolExecutor(8) as pool:
            asking = [pool.submit(ask) for _ in range(8)]
            try:
                edit(shop, 'RedirectResponse("docs")', 'RedirectResponse("first")')
                terminal.wait_for("app/main.py changed: starting again")
                edit(shop, 'RedirectResponse("first")', 'RedirectResponse("second")')
                wait_until(lambda: first_page(url) == "second", "new code")
            finally:
                ended.set()
        told = {answer for each in asking for answer in each.result()}
        assert told <= {"docs", "first", "second"}
        wait_until(lambda: len(terminal.pids("app.worker:boot")) == 2, "the new worker")
        assert not set(before) & set(terminal.pids())
        terminal.type(CTRL_C)
        wait_until(lambda: not terminal.pids(), "every process to end")


def test_a_mistake_in_an_edit_is_waited_for(shop: Path) -> None:
    with serving(shop) as (terminal, url):
        terminal.wait_for("Application startup complete.")
        edit(shop, 'RedirectResponse("docs")', 'RedirectResponse("docs"')
        terminal.wait_for("The api has ended with code 1; waiting for the next change in app/")
        edit(shop, 'RedirectResponse("docs"', 'RedirectResponse("mended")')
        assert first_page(url) == "mended"


def test_a_breakpoint_in_the_api_has_the_terminal(shop: Path) -> None:
    with serving(shop) as (terminal, url), ThreadPoolExecutor(1) as pool:
        edit(shop, "    return app\n", "    breakpoint()\n    return app\n")
        terminal.wait_for("(Pdb)")
        terminal.type(b"p 'this is ' + app.title\n")
        terminal.wait_for("this is shop")
        terminal.type(b"c\n")
        assert pool.submit(httpx.get, url, timeout=300).result().status_code == 307


def test_without_a_command_the_commands_are_listed_with_a_line_each(shop: Path) -> None:
    done = subprocess.run(
        [shop / ".venv/bin/python", "-m", "app"],
        cwd=shop,
        env=os.environ | {"COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )
    listed = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("    ")]
    modules = sorted(path.stem for path in (shop / "app/commands").glob("[a-z]*.py"))
    assert listed == modules


@pytest.mark.parametrize(
    ("variables", "command", "told"),
    [
        ({"PORT": "abc"}, "app api", "PORT, in the environment or .env: "),
        (
            {"PORT": "70000", "LOG_LEVEL": "LOUD"},
            "app dev",
            "LOG_LEVEL, in the environment or .env: ",
        ),
        ({"DATABASE_URL": "s3cret"}, "migrate status", "DATABASE_URL is no URL such as"),
        (
            {"DATABASE_URL": "mysql://a:s3cret@h:x/d"},
            "migrate upgrade",
            "DATABASE_URL is no URL such as",
        ),
    ],
)
def test_a_setting_that_cannot_be_read_is_told_in_a_line_without_its_value(
    shop: Path, variables: dict[str, str], command: str, told: str
) -> None:
    python = [str(shop / ".venv/bin/python"), "-m", *command.split()]
    environment = os.environ | variables
    done = subprocess.run(
        python, cwd=shop, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    said = (done.stdout + done.stderr).splitlines()
    assert any(line.startswith(told) for line in said)
    assert len(said) == len(variables)
    assert "s3cret" not in done.stdout + done.stderr
