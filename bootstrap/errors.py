"""What can go wrong, said for people: what happened, why, and what to do next."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The meaning of every exit code of `headstart`."""

    DONE = 0
    FAILED = 1
    UPDATE_AVAILABLE = 2
    DRIFT = 3
    REFUSED = 4
    UNKNOWN = 5
    USAGE = 64
    INTERRUPTED = 130


class HeadstartError(Exception):
    """A failure that a person can act on.

    `what` happened in one sentence, `why` it happened (one line each), and what to do `next`
    (commands or instructions, one line each). `cause` is the public id of a diagnosed cause.
    """

    exit_code = ExitCode.FAILED

    def __init__(
        self,
        what: str,
        *,
        why: tuple[str, ...] = (),
        next: tuple[str, ...] = (),  # noqa: A002
        cause: str = "",
    ) -> None:
        super().__init__(what)
        self.cause = cause
        self.what = what
        self.why = why
        self.next = next


class Refused(HeadstartError):
    """Doing it would be unsafe, so nothing was touched."""

    exit_code = ExitCode.REFUSED


class UsageError(HeadstartError):
    """The command was given something it cannot use; nothing was touched."""

    exit_code = ExitCode.USAGE
