"""What each driver is told when it connects, to the server or to PgBouncer.

In transaction mode PgBouncer gives each transaction whichever of its server
connections is free, so that nothing may be kept in a session:

- No prepared statement has a name. Without its caches asyncpg sends each
  statement unnamed and once more with its values, and psycopg without a
  threshold never prepares. So it works with PgBouncer before 1.21, which does
  not follow prepared statements, and after it, which follows named ones only.
  (SQLAlchemy's advice, a random name for each, wants a session for itself:
  the statement stays where it was prepared.)
- No setting is sent at the start but the application's name, which PgBouncer
  follows. It refuses `statement_timeout`, so ops/pgbouncer/pgbouncer.ini sets
  that itself, on each connection to the server.
- asyncpg's pool resets nothing when it gets a connection back. Its
  `RESET ALL` would take that very timeout away, from whichever server
  connection happens to be free.
"""

import asyncio
import os
from contextlib import suppress
from typing import Any

import asyncpg

from app.settings import Settings


class Connection(asyncpg.Connection):
    """A connection that is ended in its own event loop alone.

    Python collects garbage in whichever thread comes upon it, and a leaked
    session's connection is garbage. Ended from the thread that answers
    Prometheus, it took the process with it: uvloop is for one thread, and
    ends in a segmentation fault (asyncpg's issue 376).
    """

    _loop: asyncio.AbstractEventLoop

    def terminate(self) -> None:
        """End at once; from another thread, as soon as the loop comes to it.

        A loop that is closed has closed its connections.
        """
        if self._is_at_home():
            super().terminate()
        else:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(super().terminate)

    def _is_at_home(self) -> bool:
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False


def application_name(settings: Settings, part: str) -> str:
    """How the server calls a connection of this process.

    Unlike a process id, the replica tells two containers apart.
    """
    name, replica = settings.application_name, settings.replica_name
    return f"{name} {os.getpid()} {part} {replica}"


def engine_arguments(settings: Settings, part: str) -> dict[str, Any]:
    """Say the same to either of the engine's drivers in its own words."""
    name = application_name(settings, part)
    milliseconds = str(int(settings.statement_timeout * 1000))
    if settings.engine_url.get_driver_name() == "psycopg":
        return {
            "application_name": name,
            "connect_timeout": int(settings.connect_timeout),
        } | (
            {"prepare_threshold": None}
            if settings.behind_pgbouncer
            else {"options": f"-c statement_timeout={milliseconds}"}
        )
    if settings.behind_pgbouncer:
        return {
            "connection_class": Connection,
            "server_settings": {"application_name": name},
            "timeout": settings.connect_timeout,
            "statement_cache_size": 0,  # asyncpg's own
            "prepared_statement_cache_size": 0,  # SQLAlchemy's
        }
    return {
        "connection_class": Connection,
        "server_settings": {
            "application_name": name,
            "statement_timeout": milliseconds,
        },
        "timeout": settings.connect_timeout,
    }


def pool_arguments(settings: Settings, part: str) -> dict[str, Any]:
    """Say it to asyncpg's own pool, whose statements the client times."""
    arguments: dict[str, Any] = {
        "timeout": settings.connect_timeout,
        "command_timeout": settings.statement_timeout,
        "server_settings": {
            "application_name": application_name(settings, part)
        },
    }
    if settings.behind_pgbouncer:
        arguments |= {"statement_cache_size": 0, "reset": _nothing_to_reset}
    return arguments


async def _nothing_to_reset(_: object) -> None:
    """Keep asyncpg from its own reset; an open transaction it ends before."""
