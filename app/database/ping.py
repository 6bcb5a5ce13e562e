"""Test a pooled connection before it is checked out, unless it was just used.

SQLAlchemy's `pool_pre_ping` costs each request a round trip. HikariCP skips
the test for a connection that was used within the last 500 ms, and so does
this module. An idle connection receives nothing but the server's last message,
so a connection with unread data is always tested.
"""

import select
import time
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from app.database.outage import outage

FRESH_SECONDS = 0.5
RETURNED = "returned"
"""When the connection was returned, in the pool entry's own `info`."""


def ping_idle_connections(engine: Engine) -> None:
    """Replace connections that do not respond, before they are checked out."""

    @event.listens_for(engine, "checkin")
    def note_time(_: object, entry: ConnectionPoolEntry) -> None:
        entry.info[RETURNED] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ping(
        connection: DBAPIConnection, entry: ConnectionPoolEntry, _: object
    ) -> None:
        returned = entry.info.get(RETURNED)  # a new connection has none
        if returned is None or _is_fresh(returned, entry.driver_connection):
            return
        try:
            engine.dialect.do_ping(connection)
        except Exception as error:
            if outage(error) is None:
                raise
            # The pool opens another one in its place.
            raise DisconnectionError from error


def _is_fresh(returned: float, connection: Any) -> bool:  # noqa: ANN401
    """Whether a connection was just used, and is as quiet as it was left."""
    if time.monotonic() - returned > FRESH_SECONDS:
        return False
    if isinstance(connection, asyncpg.Connection):
        if connection.is_closed():
            return False
        transport = connection._transport  # type: ignore[attr-defined] # noqa: SLF001
        socket = transport.get_extra_info("socket")
    elif connection.closed:
        return False
    else:
        socket = connection
    poller = select.poll()
    poller.register(socket.fileno(), select.POLLIN)
    return not poller.poll(0)
