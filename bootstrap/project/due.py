"""The update whose verification is due: noted before it begins, until it was verified or undone."""

from bootstrap.project import git, underway
from bootstrap.project.repository import Repository
from bootstrap.project.underway import UpdateState

_NOTE = "unverified.json"


def note(repository: Repository, started: UpdateState) -> None:
    """Its verification is due once it is done."""
    underway.save(repository.notes / _NOTE, started)


def pending(repository: Repository) -> UpdateState | None:
    """The update that is done here and was not verified to the end, whatever has come since."""
    noted = underway.load(repository.notes / _NOTE)
    if noted is None or repository.head() == noted.head:
        return None
    ancestry = ("merge-base", "--is-ancestor", noted.head, "HEAD")
    return noted if git.call(*ancestry, cwd=repository.top).code == 0 else None


def settle(repository: Repository) -> None:
    """It was verified, or is no more."""
    (repository.notes / _NOTE).unlink(missing_ok=True)
