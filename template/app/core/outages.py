"""Outages: what is known of one's work when the database cannot be reached, or goes away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError


class DatabaseAway(SQLAlchemyError):
    """No connection is to be had, or it was lost before the commit: nothing was changed."""


class Unconfirmed(SQLAlchemyError):
    """A commit has ended without an answer: what it was to store may be stored, or not."""


@contextmanager
def before_commit() -> Iterator[None]:
    """Tell a lost connection from a statement that has failed."""
    try:
        yield
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        message = "the connection was lost"
        raise DatabaseAway(message) from error


@contextmanager
def during_commit() -> Iterator[None]:
    """Tell a commit that the database has refused from one of which nobody knows."""
    try:
        yield
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        message = "the connection was lost during the commit"
        raise Unconfirmed(message) from error
    except Exception as error:
        message = f"the commit was interrupted: {error}"
        raise Unconfirmed(message) from error
