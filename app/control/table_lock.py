"""A lock on the table `orders`, which makes requests wait.

A migration locks a table in the same way. While it is locked, requests
acquire their connections and wait; so all of them hold one at the same time,
however busy the machine is.
"""

import asyncpg

SECONDS = 20
"""After this time the server releases the lock."""


class TableLock:
    """Locks the table `orders` over a separate connection."""

    def __init__(self, dsn: str) -> None:
        """Set where to connect: to PostgreSQL itself, not to a pooler."""
        self._dsn = dsn
        self._connection: asyncpg.Connection | None = None

    async def take(self) -> None:
        """Wait until the table's readers have finished, and lock it.

        Raises:
            OSError: the server does not respond in time.
            asyncpg.PostgresError: it responds with an error.

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
        """Unlock the table, if it is locked."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close(timeout=SECONDS)
