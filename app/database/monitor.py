"""A connection outside the pools, to query the server and end backends."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from app.database.outage import outage

STATES = (
    "active",
    "idle",
    "idle in transaction",
    "idle in transaction (aborted)",
    "fastpath function call",
    "disabled",
)
"""All states of pg_stat_activity; a state without connections is zero."""

LIMITS = (
    "max_connections",
    "superuser_reserved_connections",
    "reserved_connections",
)
"""The server's settings that say how many connections a role may open."""


@dataclass(frozen=True, slots=True)
class InState:
    """The connections in one state."""

    connections: int = 0
    oldest_transaction: float = 0.0
    """Seconds since it began, whatever its connection did since then."""


class Monitor:
    """A separate connection, opened when it is first used.

    Lives as long as the service. It acquires nothing from a pool, so it works
    while every pool is exhausted. Each use has a timeout.
    """

    TIMEOUT = 0.5
    """Seconds for one query: a probe must fail fast."""

    def __init__(self, dsn: str, application_name: str) -> None:
        """Set where to connect; connect at the first query."""
        self._dsn = dsn
        self._server_settings = {"application_name": application_name}
        self._connection: asyncpg.Connection | None = None
        self._one_at_a_time = asyncio.Lock()

    async def fetch(
        self,
        query: str,
        *args: Any,  # noqa: ANN401
        patience: float = TIMEOUT,
    ) -> list[asyncpg.Record]:
        """Run one query, on a new connection if the old one was closed.

        Args:
            query: the statement.
            args: its parameters.
            patience: seconds that the server has to respond.

        Raises:
            OSError: the server does not respond in time.
            asyncpg.PostgresError: it responds with an error.

        """
        async with asyncio.timeout(patience), self._one_at_a_time:
            if self._connection is None or self._connection.is_closed():
                self._connection = await asyncpg.connect(
                    self._dsn,
                    timeout=patience,
                    server_settings=self._server_settings,
                    statement_cache_size=0,  # it may lead to PgBouncer
                )
            try:
                return await self._connection.fetch(query, *args)
            except asyncio.CancelledError:
                # The connection may be dead without an error, so the next
                # query opens a new one.
                self._connection.terminate()
                raise
            except (
                asyncpg.InterfaceError,
                asyncpg.InternalClientError,
                RuntimeError,
            ) as error:
                if reason := outage(error):
                    raise ConnectionError(reason) from error
                raise

    async def states(self) -> dict[str, InState]:
        """Count this database's connections by state, including zeros."""
        rows = await self.fetch(
            "SELECT state, count(*),"
            " max(extract(epoch FROM now() - xact_start))::float8 AS oldest"
            " FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"  # autovacuum is active, too
            " GROUP BY state"
        )
        return dict.fromkeys(STATES, InState()) | {
            row["state"]: InState(row["count"], row["oldest"] or 0.0)
            for row in rows
        }

    async def backends(self) -> dict[str, int]:
        """Count the connections of each database of the server.

        Every role may read this view. It also counts the few workers of
        autovacuum.
        """
        rows = await self.fetch(
            "SELECT datname, numbackends FROM pg_stat_database"
            " WHERE datname IS NOT NULL"
        )
        return {row["datname"]: row["numbackends"] for row in rows}

    async def limits(self, patience: float = TIMEOUT) -> dict[str, int]:
        """Read the server's settings that limit connections."""
        rows = await self.fetch(
            "SELECT name, setting::int FROM pg_settings WHERE name = ANY($1)",
            LIMITS,
            patience=patience,
        )
        # reserved_connections exists since PostgreSQL 16.
        return dict.fromkeys(LIMITS, 0) | {
            row["name"]: row["setting"] for row in rows
        }

    async def terminate(self, pids: Sequence[int]) -> int:
        """End backends; return how many of them existed."""
        rows = await self.fetch(
            "SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid",
            pids,
        )
        return sum(row["pg_terminate_backend"] for row in rows)

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.terminate()
