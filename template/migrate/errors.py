"""What ends a command early, each with its exit code: what happened, and what to do next."""

# Managed by the template: your own are env.py and versions/, and an update merges any other change.
from __future__ import annotations


class MigrationFailed(RuntimeError):
    """It did not work; the message says what is left behind."""

    exit_code = 1


class Findings(MigrationFailed):
    """The files were read, and something in them is wrong."""

    exit_code = 2


class MigrationUnsafe(MigrationFailed):
    """Going on would lose something without a word."""

    exit_code = 3


class LockTimeout(MigrationFailed):
    """Somebody else holds what is needed, for longer than we may wait."""

    exit_code = 4
