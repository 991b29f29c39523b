"""What `forkserver.ForkServer` runs: import modules once, then fork a process for each request.

    python forkserver_program.py SOCKET MODULE…

A request is one connection: three descriptors (standard input, output and error), then a line of
JSON. Two lines answer it: the process number at once, the exit code in the end. Standard library
only, for it is run by the interpreters of rendered projects; it stops when its standard input ends.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
import types

Request = dict[str, object]
PATH = sys.path[1:]


class Server:
    """The loop: new requests, ended children, the end of whoever started it."""

    def __init__(self, address: str) -> None:
        """Listen at `address`."""
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(address)
        self.listening.listen(64)
        self.woken, self.wakes = os.pipe()
        os.set_blocking(self.wakes, False)
        signal.set_wakeup_fd(self.wakes, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.waiting: dict[int, socket.socket] = {}

    def serve(self) -> Request | None:
        """Serve until standard input ends (None), or in a child: return what it is to do."""
        with selectors.DefaultSelector() as selector:
            for file in (0, self.woken, self.listening):
                selector.register(file, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select()}
                if 0 in ready:
                    return None
                if self.woken in ready:
                    os.read(self.woken, 4096)
                    self.reap()
                if self.listening.fileno() in ready and (request := self.accept()):
                    return request

    def reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while ended := os.waitpid(-1, os.WNOHANG):
                pid, status = ended
                if pid == 0:
                    return
                with contextlib.suppress(OSError), self.waiting.pop(pid) as connection:
                    connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))

    def accept(self) -> Request | None:
        """Fork for one request; None in this process, the request in the child."""
        connection, _ = self.listening.accept()
        files, line = heard(connection)
        if not line.endswith(b"\n"):  # whoever asked has gone
            connection.close()
        elif (pid := os.fork()) == 0:
            self.leave(connection, files)
            request: Request = json.loads(line)
            return request
        else:
            self.waiting[pid] = connection
            with contextlib.suppress(OSError):
                connection.sendall(b"%d\n" % pid)
        for file in files:
            os.close(file)
        return None

    def leave(self, connection: socket.socket, files: list[int]) -> None:
        """In the child: keep nothing of the server's, and take the descriptors of the request."""
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for each in (self.listening, connection, *self.waiting.values()):
            each.close()
        for pipe in (self.woken, self.wakes):
            os.close(pipe)
        for target, file in enumerate(files):
            os.dup2(file, target)
        for file in files:
            os.close(file)


def heard(connection: socket.socket) -> tuple[list[int], bytes]:
    """What a client sends: descriptors, and a line, which is cut off where the client goes."""
    files: list[int] = []
    with contextlib.suppress(ConnectionError), connection.makefile("rb") as lines:
        _, files, _, _ = socket.recv_fds(connection, 1, 3)
        return files, lines.readline()
    return files, b""


def enter(request: Request) -> list[str]:
    """Let this process stand where the request says; return its arguments."""
    os.chdir(str(request["cwd"]))
    environment = request["env"]
    assert isinstance(environment, dict)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.dont_write_bytecode = bool(environment.get("PYTHONDONTWRITEBYTECODE"))
    if request["session"]:
        os.setsid()
    tempfile.tempdir = None
    if "plumbum" in sys.modules:  # it keeps a copy of the environment from when it was imported
        local = sys.modules["plumbum"].local
        local.env._curr = os.environ.copy()
        local.env._update_path()
        local.cwd.chdir(request["cwd"])
    own = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:] = [str(request["cwd"]), *own, *PATH]
    importlib.invalidate_caches()
    argv = request["argv"]
    assert isinstance(argv, list)
    return argv


def run(argv: list[str]) -> None:
    """Do what `python ARGV` does, for `-m MODULE`, `-c PROGRAM` and a file."""
    if argv[0] == "-m":
        sys.argv[:] = argv[1:]
        runpy.run_module(argv[1], run_name="__main__", alter_sys=True)
    elif argv[0] == "-c":
        sys.argv[:] = ["-c", *argv[2:]]
        sys.path[0] = ""
        main = types.ModuleType("__main__")
        sys.modules["__main__"] = main
        exec(compile(argv[1], "<string>", "exec"), main.__dict__)  # noqa: S102 - as -c does
    else:
        sys.argv[:] = argv
        sys.path[0] = os.path.dirname(os.path.abspath(argv[0]))  # noqa: PTH100, PTH120
        runpy.run_path(argv[0], run_name="__main__")


def finish(request: Request) -> None:
    """Run the request to the end that an interpreter comes to, and end this process."""
    code = 0
    try:
        run(enter(request))
    except SystemExit as error:
        if isinstance(error.code, int):
            code = error.code & 0xFF
        elif error.code is not None:
            sys.stderr.write(f"{error.code}\n")
            code = 1
    except BaseException as error:  # noqa: BLE001 - whatever it is, the interpreter would show it
        traceback.print_exc()
        code = -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    threading._shutdown()  # type: ignore[attr-defined]  # as the interpreter does
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    if code < 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def main() -> None:
    for name in sys.argv[2:]:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    server = Server(sys.argv[1])
    print("listening", flush=True)  # noqa: T201
    if request := server.serve():
        finish(request)


if __name__ == "__main__":
    main()
