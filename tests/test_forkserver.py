"""A command of the fork server is what `python` would have made of it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.forkserver import PIPE, ForkServer, fork_server

ENDINGS = {
    "falls off the end": "pass",
    "an exit code": "raise SystemExit(3)",
    "an exit code too large": "raise SystemExit(259)",
    "last words": "raise SystemExit('that is all')",
    "an error": "raise ValueError('no')",
    "a Ctrl-C": "raise KeyboardInterrupt",
    "a signal": "import os; os.kill(os.getpid(), 15)",
    "what runs at the end": "import atexit; atexit.register(print, 'at last'); raise SystemExit(2)",
    "a thread": "import threading as t; t.Timer(0.1, print, ['late']).start()",
    "both outputs": "import sys; print('out'); print('err', file=sys.stderr)",
    "a child's output": "import os; os.system('echo one'); print('two')",
    "its standard input": "import sys; print(sys.stdin.read().upper())",
    "where it is": "import os; print(os.getcwd(), os.environ['WORD'], len(os.environ))",
    "who it is": "import sys; print(sys.argv, sys.path, __name__)",
    "where it finds programs": "import plumbum; print(plumbum.local.which('tool'))",
    "where it puts what is temporary": "import tempfile; print(tempfile.gettempdir())",
}


@pytest.fixture(scope="module")
def server() -> ForkServer:
    return fork_server(sys.executable, ("plumbum", "tempfile"))


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/tool").touch(0o755)
    kept = {name: os.environ[name] for name in os.environ if name.startswith("PYTHON")}
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    own = {"PYTHONPATH": str(tmp_path / "own"), "TMPDIR": str(tmp_path / "bin")}
    return kept | own | {"WORD": "wörd", "PATH": path, "LC_CTYPE": "C.UTF-8"}


def told(text: str) -> list[str]:
    """What is printed, without where in its own machinery an error has passed."""
    return [line for line in text.splitlines() if not line.startswith((" ", "Traceback"))]


def alike(server: ForkServer, *arguments: str, cwd: Path, env: dict[str, str]) -> None:
    real = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=env,
        input="given",
        capture_output=True,
        text=True,
        check=False,
    )
    forked = server.run(*arguments, cwd=cwd, env=env, given="given")
    assert forked.returncode == real.returncode
    assert told(forked.stdout) == told(real.stdout)
    assert told(forked.stderr) == told(real.stderr)


@pytest.mark.parametrize("ending", ENDINGS)
def test_it_ends_says_and_sees_the_same(
    server: ForkServer, tmp_path: Path, env: dict[str, str], ending: str
) -> None:
    alike(server, "-c", ENDINGS[ending], "word", "two words", cwd=tmp_path, env=env)


@pytest.mark.parametrize(
    "form", [("-m", "program"), ("program.py",), ("in/program.py",)], ids=" ".join
)
def test_modules_and_files_know_who_they_are(
    server: ForkServer, tmp_path: Path, env: dict[str, str], form: tuple[str, ...]
) -> None:
    (tmp_path / "in").mkdir()
    for name in ("program.py", "in/program.py"):
        (tmp_path / name).write_text(f"{ENDINGS['who it is']}; raise SystemExit(7)")
    alike(server, *form, "word", cwd=tmp_path, env=env)


def test_merged_output_keeps_its_order(server: ForkServer, tmp_path: Path) -> None:
    program = "import sys\nfor n in range(3): print(n, flush=True); print('!', file=sys.stderr)"
    done = server.run("-c", program, cwd=tmp_path, env=os.environ, merged=True)
    assert done.stdout.split() == ["0", "!", "1", "!", "2", "!"]


def test_a_command_sees_nothing_of_those_before_it(
    server: ForkServer, tmp_path: Path, env: dict[str, str]
) -> None:
    change = (
        "import os, sys, signal; os.environ['X'] = 'x'; sys.modules['x'] = os; os.chdir('/bin')"
    )
    server.run("-c", change, cwd=tmp_path, env=os.environ)
    look = "import os, sys; print('X' in os.environ, 'x' in sys.modules, os.getcwd())"
    assert server.run("-c", look, cwd=tmp_path, env=env).stdout == f"False False {tmp_path}\n"


def test_many_run_at_once_and_each_is_told_its_own_end(server: ForkServer, tmp_path: Path) -> None:
    wait = "import sys, time; time.sleep(0.2); print(sys.argv[1]); sys.exit(int(sys.argv[1]))"
    running = [
        server.start("-c", wait, str(number), cwd=tmp_path, env=os.environ) for number in range(9)
    ]
    assert [each.communicate()[0].strip() for each in running] == list("012345678")
    assert [each.returncode for each in running] == list(range(9))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_ends_a_running_command(
    server: ForkServer, tmp_path: Path, number: signal.Signals
) -> None:
    program = "import time; print('here', flush=True); time.sleep(600)"
    running = server.start("-c", program, cwd=tmp_path, env=os.environ, stderr=PIPE)
    assert running.stdout
    assert running.stdout.readline() == "here\n"
    assert running.poll() is None
    running.send_signal(number)
    _, errors = running.communicate()
    assert running.returncode == -number
    assert ("KeyboardInterrupt" in errors) == (number == signal.SIGINT)


def test_a_leader_of_a_group_is_ended_with_all_of_it(server: ForkServer, tmp_path: Path) -> None:
    program = "import os; os.system('echo here; sleep 600')"
    running = server.start("-c", program, cwd=tmp_path, env=os.environ, session=True)
    assert running.stdout
    assert running.stdout.readline() == "here\n"
    os.killpg(running.pid, signal.SIGKILL)
    assert running.communicate() == ("", "")  # nobody is left who could write


def test_one_that_takes_too_long_is_ended(server: ForkServer, tmp_path: Path) -> None:
    program = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(600)"
    with pytest.raises(subprocess.TimeoutExpired):
        server.run("-c", program, cwd=tmp_path, env=os.environ, timeout=1)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_child_that_outlives_its_command_is_waited_for(
    server: ForkServer, tmp_path: Path
) -> None:
    program = "import os; os.system('(read line < go; echo late) &'); print('here')"
    os.mkfifo(tmp_path / "go")
    running = server.start("-c", program, cwd=tmp_path, env=os.environ)
    with pytest.raises(subprocess.TimeoutExpired):
        running.communicate(timeout=0.5)
    assert running.wait() == 0
    (tmp_path / "go").write_text("go\n")
    assert running.communicate()[0].split() == ["here", "late"]


REQUEST = '!{"argv": ["-c", ""], "cwd": "/", "env": {}, "session": false}\n'


@pytest.mark.parametrize("sent", ["", "!", REQUEST[:9], REQUEST], ids=len)
def test_a_client_that_goes_away_ends_no_server(
    server: ForkServer, tmp_path: Path, sent: str
) -> None:
    with socket.socket(socket.AF_UNIX) as client, (tmp_path / "file").open("w") as file:
        client.connect(str(server.address))
        if sent:
            socket.send_fds(client, [b"!"], [file.fileno()] * 3)
            client.sendall(sent[1:].encode())
    assert server.run("-c", "print('here')", cwd=tmp_path, env=os.environ).stdout == "here\n"


def test_what_only_a_start_can_change_is_refused(server: ForkServer, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="only when it starts"):
        server.run("-c", "", cwd=tmp_path, env=os.environ | {"PYTHONOPTIMIZE": "1"})


def test_the_server_ends_and_leaves_nothing_behind(tmp_path: Path) -> None:
    server = ForkServer(sys.executable, ())
    assert server.run("-c", "print('here')", cwd=tmp_path, env=os.environ).stdout == "here\n"
    server.end()
    assert server.process.returncode == 0
    assert not server.folder.exists()
