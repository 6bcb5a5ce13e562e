"""One connection beside the pools, to look at the server and end backends."""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg

STATES = (
    "active",
    "idle",
    "idle in transaction",
    "idle in transaction (aborted)",
    "fastpath function call",
    "disabled",
)
"""All states of pg_stat_activity; a state nobody is in counts zero."""


class Monitor:
    """One connection of its own, opened when needed, for looking and ending.

    Lives as long as the service. It borrows from no pool, so it sees an
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

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:  # noqa: ANN401
        """Run one query, on a new connection where the old one is gone.

        Raises:
            OSError: the server does not answer in time.
            asyncpg.PostgresError: it answers with an error.

        """
        async with asyncio.timeout(self.TIMEOUT), self._one_at_a_time:
            if self._connection is None or self._connection.is_closed():
                self._connection = await asyncpg.connect(
                    self._dsn,
                    timeout=self.TIMEOUT,
                    server_settings=self._server_settings,
                    statement_cache_size=0,  # it may lead to PgBouncer
                )
            return await self._connection.fetch(query, *args)

    async def states(self) -> dict[str, int]:
        """Count this database's connections by state, zeros included."""
        rows = await self.fetch(
            "SELECT state, count(*) FROM pg_stat_activity"
            " WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND state IS NOT NULL"
            " GROUP BY state"
        )
        return dict.fromkeys(STATES, 0) | {
            row["state"]: row["count"] for row in rows
        }

    async def terminate(self, pids: Sequence[int]) -> int:
        """End backends; answer how many there were to end."""
        rows = await self.fetch(
            "SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid",
            pids,
        )
        return sum(row["pg_terminate_backend"] for row in rows)

    async def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.terminate()
