"""Which errors of the database are none of ours: they are 503, and no bug.

The tables name the SQLSTATEs after which the same request may succeed later.
Every other error is a bug, of the service or of its deployment: a 500.
"""

import logging
from traceback import walk_tb

import asyncpg
import psycopg
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import (
    DBAPIError,
    DisconnectionError,
    EmulatedDBAPIException,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

ENDED = "the connection ended"

OUTAGES = {
    "08": ENDED,
    "25006": "the server only reads: it is a replica, or has become one",
    "25P03": "the server ended a transaction that was idle for too long",
    "25P04": "the server ended a transaction that took too long",
    "28": "the server refused the login: a password or a role has changed",
    "3D": "the database does not exist",
    "53": "the server lacks connections, memory or disk space",
    "55000": "the database accepts no connections",
    "57": "the server is starting or stopping, or it ended the statement",
    "58": "the server's disk or operating system failed",
    "72": "the statement needed rows that the server has removed",
    "F0": "the server's configuration file is broken",
    "XX": "the server has a bug, or its data is corrupt",
}
"""Reasons by SQLSTATE, or by its first two characters, which are its class."""

CONTENTION = {
    "40": "the transaction conflicted with another one",
    "55P03": "another transaction holds a lock that the statement needs",
}
"""The same, where the database is well and other requests are the reason."""


_EVENT_LOOPS = {"asyncio", "uvloop"}

BY_CLASS: dict[type[BaseException], str] = {
    OSError: "the server is out of reach, or silent",
    DisconnectionError: ENDED,
    asyncpg.InvalidCachedStatementError: "a migration changed the table",
    PoolTimeoutError: "a pool without poolwatch had no connection in time",
}
"""Reasons by class, for errors that no SQLSTATE describes."""


def contention(error: BaseException) -> str | None:
    """Say how other transactions were in the way; None where they were not."""
    orig = error.orig if isinstance(error, DBAPIError) else error
    return _by_sqlstate(orig, CONTENTION)


def outage(error: BaseException | None) -> str | None:
    """Say why the database cannot answer; None where the error is a bug.

    Args:
        error: what a statement, a connection or a pool has raised.

    """
    if isinstance(error, DBAPIError):  # SQLAlchemy's, around the driver's
        return ENDED if error.connection_invalidated else outage(error.orig)
    if reason := _by_sqlstate(error, OUTAGES):
        return reason
    if isinstance(error, EmulatedDBAPIException):  # around asyncpg's
        return outage(error.__cause__)
    if _is_ended(error):
        return ENDED
    reasons = (BY_CLASS[each] for each in BY_CLASS if isinstance(error, each))
    return next(reasons, None)


def mark_ended(context: ExceptionContext) -> None:
    """Have SQLAlchemy drop a connection after an error that ended it.

    SQLAlchemy checks whether asyncpg's connection is closed. It is still open
    when the server's last message has arrived and the end of the stream has
    not.
    """
    error = context.original_exception
    if _is_ended(error) or _is_ended(error.__cause__):
        context.is_disconnect = True
    # The others are tested when they are checked out; SQLAlchemy's default
    # would replace all of them.
    context.invalidate_pool_on_disconnect = False


def without_trace(record: logging.LogRecord) -> bool:
    """Give an outage one line in a driver's log: the reason, and no trace."""
    if record.exc_info and (reason := outage(record.exc_info[1])):
        record.msg, record.args = f"{record.getMessage()}: {reason}", ()
        record.exc_info = None
    return True


def _by_sqlstate(
    error: BaseException | None, reasons: dict[str, str]
) -> str | None:
    state = getattr(error, "sqlstate", None) or ""
    return reasons.get(state) or reasons.get(state[:2])


def _is_ended(error: BaseException | None) -> bool:
    """Distinguish a connection that has ended from one that is misused."""
    match error:
        case asyncpg.PostgresError(severity_en="FATAL" | "PANIC"):
            return True
        case asyncpg.InternalClientError():
            return True  # the server's last message came out of turn
        case asyncpg.InterfaceError():
            # A pool takes a connection back as soon as its backend ends: to
            # the handler that still has it, it is "released".
            return any(word in str(error) for word in ("clos", "released"))
        case psycopg.OperationalError(sqlstate=None):
            return True  # libpq's own: it has no connection
        case RuntimeError():  # the event loop's: the transport is closed
            modules = [
                frame.f_globals.get("__name__", "").partition(".")[0]
                for frame, _ in walk_tb(error.__traceback__)
            ]
            return "asyncpg" in modules and modules[-1] in _EVENT_LOOPS
    return False
