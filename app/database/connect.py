"""What each driver is told when it connects, to the server or to PgBouncer.

In transaction mode PgBouncer gives each transaction whichever of its server
connections is free, so that nothing may be kept in a session:

- No prepared statement has a name. Without its caches asyncpg sends each
  statement unnamed and once more with its values, and psycopg without a
  threshold never prepares. So it works with PgBouncer before 1.21, which does
  not follow prepared statements, and after it, which follows named ones only.
  (SQLAlchemy's advice, a random name for each, is not enough: outside a
  transaction a statement is prepared on one connection and run on another.)
- No setting is sent at the start but the application's name, which PgBouncer
  follows. It refuses `statement_timeout` and `lock_timeout`, so
  ops/pgbouncer/pgbouncer.ini sets them, on each connection to the server.
- asyncpg's pool resets nothing when it gets a connection back. Its
  `RESET ALL` would take that very timeout away, from whichever server
  connection happens to be free.
"""

import os
from math import ceil
from typing import Any

from sqlalchemy import URL

from app.database.connection import Connection
from app.settings import Settings


def application_name(settings: Settings, part: str) -> str:
    """How the server calls a connection of this process.

    Unlike a process id, the replica tells two containers apart.
    """
    name, replica = settings.application_name, settings.replica_name
    return f"{name} {os.getpid()} {part} {replica}"


def engine_arguments(settings: Settings, part: str) -> dict[str, Any]:
    """Say the same to either of the engine's drivers in its own words."""
    if settings.engine_url.get_driver_name() == "psycopg":
        return psycopg_arguments(settings, part)
    arguments: dict[str, Any] = {
        **url_options(settings.engine_url, settings.dsn),
        "connection_class": Connection,
        "server_settings": {
            "application_name": application_name(settings, part)
        },
        "timeout": settings.connect_timeout,
        # The server ends a statement first, unless it can no longer say so.
        "command_timeout": settings.statement_timeout + 1,
    }
    if settings.behind_pgbouncer:
        arguments["statement_cache_size"] = 0  # asyncpg's own
        arguments["prepared_statement_cache_size"] = 0  # SQLAlchemy's
    else:
        arguments["server_settings"] |= {
            "statement_timeout": _milliseconds(settings.statement_timeout),
            "lock_timeout": _milliseconds(settings.lock_wait),
        }
    return arguments


def direct_arguments(settings: Settings) -> dict[str, Any]:
    """Bound the wait for the server itself; a migration may take its time."""
    url, seconds = settings.direct_url, settings.connect_timeout
    if url.get_driver_name() == "psycopg":
        return {"connect_timeout": ceil(seconds)}
    return {**url_options(url, settings.direct_dsn), "timeout": seconds}


def url_options(url: URL, dsn: str) -> dict[str, Any]:
    """Give asyncpg its own URL, with the options that SQLAlchemy's lacks."""
    return {"dsn": dsn} if url.get_driver_name() == "asyncpg" else {}


def psycopg_arguments(settings: Settings, part: str) -> dict[str, Any]:
    """Say it to psycopg, whose threads the lessons use as well."""
    seconds = ceil(settings.connect_timeout)  # 0 would be without a limit
    arguments: dict[str, Any] = {
        "application_name": application_name(settings, part),
        "connect_timeout": seconds,
        # libpq waits for ever on a connection that dies silently: so the
        # kernel asks the other end now and then, and ends it without answer.
        "keepalives_idle": seconds,
        "keepalives_interval": seconds,
        "tcp_user_timeout": _milliseconds(settings.statement_timeout),
    }
    if settings.behind_pgbouncer:
        arguments["prepare_threshold"] = None
    else:
        timeout = _milliseconds(settings.statement_timeout)
        wait = _milliseconds(settings.lock_wait)
        arguments["options"] = (
            f"-c statement_timeout={timeout} -c lock_timeout={wait}"
        )
    return arguments


def _milliseconds(seconds: float) -> str:
    return str(ceil(seconds * 1000))  # 0 would be without a limit


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
    else:
        arguments["server_settings"]["lock_timeout"] = _milliseconds(
            settings.lock_wait
        )
    return arguments


async def _nothing_to_reset(_: object) -> None:
    """Keep asyncpg from its own reset; an open transaction it ends before."""
