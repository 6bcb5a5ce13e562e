"""A lock on the orders, so that requests come together before they go on.

It is what a migration does to a busy table. Requests that each need a
connection have one when the lock is let go, however busy the machine is.
"""

import asyncpg

SECONDS = 20
"""After which the server lets go of the lock by itself."""


class TableLock:
    """Holds the table `orders` over a connection of its own."""

    def __init__(self, dsn: str) -> None:
        """Remember where to connect: to PostgreSQL itself, not a pooler."""
        self._dsn = dsn
        self._connection: asyncpg.Connection | None = None

    async def take(self) -> None:
        """Lock the table, once its readers have gone.

        Raises:
            OSError: the server does not answer in time.
            asyncpg.PostgresError: it answers with an error.

        """
        await self.release()
        self._connection = await asyncpg.connect(
            self._dsn,
            timeout=SECONDS,
            command_timeout=SECONDS,
            server_settings={
                "application_name": "order-service lab lock",
                "idle_in_transaction_session_timeout": f"{SECONDS}s",
            },
        )
        await self._connection.execute(
            "BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE"
        )

    async def release(self) -> None:
        """Let go of the table, if it is locked."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close(timeout=SECONDS)
