"""Whether all that the processes may open fits what the server allows."""

import asyncpg

from app.monitor import Monitor
from app.settings import Settings


class DatabaseUnreachableError(Exception):
    """The server does not answer, or turns this service away."""


class BudgetExceededError(Exception):
    """The pools could open more connections than the server allows."""


async def check_budget(settings: Settings, monitor: Monitor) -> None:
    """Refuse pools that could open more connections than the server allows.

    Raises:
        DatabaseUnreachableError: the server cannot be reached.
        BudgetExceededError: with the sum, and what to change.

    """
    try:
        rows = await monitor.fetch(
            "SELECT name, setting::int FROM pg_settings WHERE name IN"
            " ('max_connections', 'superuser_reserved_connections',"
            " 'reserved_connections')"
        )
    except (OSError, asyncpg.PostgresError) as error:
        url = settings.direct_url
        where = url.query.get("host") or f"{url.host}:{url.port or 5432}"
        message = f"cannot use the database at {where}: {error or 'timeout'}"
        raise DatabaseUnreachableError(message) from error
    server = {row["name"]: row["setting"] for row in rows}
    most = server.pop("max_connections")
    reserved = sum(server.values())
    if settings.connections_needed > most - reserved:
        message = (
            f"{settings.web_concurrency} process(es) × ("
            f"{settings.pool_size} + {settings.max_overflow} engine"
            f" + {settings.pool_size} asyncpg + {settings.monitors} monitor)"
            f" = {settings.connections_needed} connections, but the server"
            f" allows {most} - {reserved} reserved = {most - reserved}:"
            " lower WEB_CONCURRENCY or the POOL_ settings, or raise"
            " max_connections"
        )
        raise BudgetExceededError(message)
