"""Connect arguments of each driver, for the server or for PgBouncer.

In transaction mode PgBouncer gives each transaction any free connection to the
server. So a client must keep no state in its session:

- Prepared statements have no name. Without its caches, asyncpg prepares each
  statement unnamed and then runs it; psycopg without a threshold never
  prepares. This works with PgBouncer before 1.21, which does not support
  prepared statements, and with later ones, which support only named ones.
  (SQLAlchemy recommends random names. That is not enough: outside a
  transaction, a statement is prepared on one connection and run on another.)
- The only setting that is sent at the start is the application's name, which
  PgBouncer supports. It refuses `statement_timeout` and `lock_timeout`, so
  ops/pgbouncer/pgbouncer.ini sets them on each connection to the server.
- asyncpg's pool does not reset a returned connection. Its `RESET ALL` would
  remove that timeout from any free connection to the server.
"""

import os
from math import ceil
from typing import Any

from sqlalchemy import URL

from app.database.connection import Connection
from app.settings import Settings


def application_name(settings: Settings, part: str) -> str:
    """Return the application name of a connection, as the server shows it.

    It contains the replica, because two containers may have the same pid.
    """
    name, replica = settings.application_name, settings.replica_name
    return f"{name} {os.getpid()} {part} {replica}"


def engine_arguments(settings: Settings, part: str) -> dict[str, Any]:
    """Return the connect arguments for the engine's driver."""
    if settings.engine_url.get_driver_name() == "psycopg":
        return psycopg_arguments(settings, part)
    arguments: dict[str, Any] = {
        **url_options(settings.engine_url, settings.dsn),
        "connection_class": Connection,
        "server_settings": {
            "application_name": application_name(settings, part)
        },
        "timeout": settings.connect_timeout,
        # The server cancels a statement first, unless it does not respond.
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
    """Limit the time to connect, but not the time of a migration."""
    url, seconds = settings.direct_url, settings.connect_timeout
    if url.get_driver_name() == "psycopg":
        return {"connect_timeout": ceil(seconds)}
    return {**url_options(url, settings.direct_dsn), "timeout": seconds}


def url_options(url: URL, dsn: str) -> dict[str, Any]:
    """Pass asyncpg the full URL: SQLAlchemy's lacks some options."""
    return {"dsn": dsn} if url.get_driver_name() == "asyncpg" else {}


def psycopg_arguments(settings: Settings, part: str) -> dict[str, Any]:
    """Return the connect arguments for psycopg."""
    seconds = ceil(settings.connect_timeout)  # 0 means no limit
    arguments: dict[str, Any] = {
        "application_name": application_name(settings, part),
        "connect_timeout": seconds,
        # libpq waits without a limit on a dead connection. With keepalives
        # the kernel detects it, and closes it.
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
    """Return the arguments of asyncpg's pool; the client times statements."""
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
    """Do nothing: asyncpg has rolled back an open transaction before."""
