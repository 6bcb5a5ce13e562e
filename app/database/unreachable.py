"""A database that does not respond, named in one line."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL
from sqlalchemy.exc import OperationalError


class DatabaseUnreachableError(Exception):
    """The server does not respond, or refuses this service."""


@contextmanager
def named_in_errors(url: URL) -> Iterator[None]:
    """Name the database where a connection to it fails.

    Raises:
        DatabaseUnreachableError: for an OSError, a timeout included, and for
            what SQLAlchemy reports of psycopg.

    """
    try:
        yield
    except OSError as error:
        raise unreachable(url, reason(error)) from error
    except OperationalError as error:
        [why, *_] = str(error.orig).splitlines()
        raise unreachable(url, why) from error


def unreachable(url: URL, why: object) -> DatabaseUnreachableError:
    """Say which server cannot be used, and why; no password is shown."""
    where = url.query.get("host") or f"{url.host}:{url.port or 5432}"
    message = f"cannot use the database at {where}: {why}"
    return DatabaseUnreachableError(message)


def reason(error: OSError) -> str:
    """Say what went wrong, without the number and the address."""
    if error.errno and error.errno > 0:  # a resolver's errors are negative
        return os.strerror(error.errno).lower()
    return error.strerror or str(error) or "timeout"
