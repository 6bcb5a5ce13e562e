"""One connection beside the pools, to look at the server and end backends."""

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
"""All states of pg_stat_activity; a state without connections counts 0."""

LIMITS = (
    "max_connections",
    "superuser_reserved_connections",
    "reserved_connections",
)
"""The server's settings that say how many connections a role may open."""


@dataclass(frozen=True, slots=True)
class InState:
    """The connections that are in one state."""

    connections: int = 0
    oldest_transaction: float = 0.0
    """Seconds since it began, whatever the connection has done meanwhile."""


class Monitor:
    """One connection of its own, opened when needed, for looking and ending.

    Lives as long as the service. It uses no pool, so it sees an
    exhausted pool as clearly as an idle one; each use is bounded.
    """

    TIMEOUT = 0.5
    """Seconds for one look: a probe must fail fast."""

    def __init__(self, dsn: str, application_name: str) -> None:
        """Remember where to connect; connect at the first look."""
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
        """Run one query, on a new connection where the old one is gone.

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
                # It may be dead, and nobody has told: the next look opens
                # another.
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
        """Sum up this database's connections by state, zeros included."""
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

        Every role may read this, and of other roles' connections little
        else. It counts autovacuum's workers as well, which are few.
        """
        rows = await self.fetch(
            "SELECT datname, numbackends FROM pg_stat_database"
            " WHERE datname IS NOT NULL"
        )
        return {row["datname"]: row["numbackends"] for row in rows}

    async def limits(self, patience: float = TIMEOUT) -> dict[str, int]:
        """Read how many connections the server allows, and reserves."""
        rows = await self.fetch(
            "SELECT name, setting::int FROM pg_settings WHERE name = ANY($1)",
            LIMITS,
            patience=patience,
        )
        # PostgreSQL knows reserved_connections since version 16.
        return dict.fromkeys(LIMITS, 0) | {
            row["name"]: row["setting"] for row in rows
        }

    async def terminate(self, pids: Sequence[int]) -> int:
        """End backends; return how many there were to end."""
        rows = await self.fetch(
            "SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid",
            pids,
        )
        return sum(row["pg_terminate_backend"] for row in rows)

    async def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.terminate()
