"""The rows that a request wrote, read from the database itself.

PostgreSQL stamps each row with the transaction that wrote it (`xmin`). So a
row that was written again with the same values counts, and a rollback does
not.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

TIMEOUT = 10
"""Seconds for one statement."""
POLL_SECONDS = 0.01

_NOW = """
SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint % 4294967296
    AS transaction,
    (SELECT coalesce(max(id), 0) FROM orders) AS newest
"""
_SINCE = """
SELECT 'orders' AS name, to_jsonb(row) AS row
FROM orders AS row WHERE row.xmin::text::bigint >= $1
UNION ALL SELECT 'order_items', to_jsonb(row)
FROM order_items AS row WHERE row.xmin::text::bigint >= $1
"""
_RESET_ORDERS = """
UPDATE orders SET status = 'new', total = NULL
WHERE status <> 'new' OR total IS NOT NULL
"""
_SESSIONS = """
SELECT sessions FROM pg_stat_database WHERE datname = current_database()
"""
_WAITING = (
    "SELECT count(*) FROM pg_locks WHERE $1 = ANY(pg_blocking_pids(pid))"
)
_LOCK = """
BEGIN; LOCK TABLE orders, order_items, metrics IN ACCESS EXCLUSIVE MODE
"""

Rows = list[str]
"""Rows in a form that can be compared, without generated ids and times."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of the database before a request."""

    transaction: int
    newest: int
    """The id of the newest order."""


class DatabaseObserver:
    """Reads and locks the database over two separate connections."""

    def __init__(
        self, reading: asyncpg.Connection, locking: asyncpg.Connection
    ) -> None:
        """Use one connection to read, and one to lock."""
        self._reading = reading
        self._locking = locking

    async def start(self) -> Snapshot:
        """Make every order new again, and take a snapshot.

        The orders are reset first, because SQLAlchemy skips an UPDATE that
        changes nothing.
        """
        await self._reading.execute(_RESET_ORDERS)
        [row] = await self._reading.fetch(_NOW)
        return Snapshot(row["transaction"], row["newest"])

    async def written_since(self, snapshot: Snapshot) -> Rows:
        """Read the rows that any transaction wrote since then."""
        found = await self._reading.fetch(_SINCE, snapshot.transaction)
        rows = [(each["name"], json.loads(each["row"])) for each in found]
        return sorted(_comparable(name, row, snapshot) for name, row in rows)

    async def sessions(self) -> int:
        """The number of connections ever made to this database."""
        return int(await self._reading.fetchval(_SESSIONS))

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Lock the tables: readers and writers wait until the block ends."""
        await self._locking.execute(_LOCK)
        try:
            yield
        finally:
            await self._locking.execute("ROLLBACK")

    async def until_waiting(self, over: Callable[[], bool]) -> None:
        """Wait until a backend waits for that lock, or `over` is true."""
        pid = self._locking.get_server_pid()
        waiting = False
        while not (waiting or over()):
            waiting = await self._reading.fetchval(_WAITING, pid)
            await asyncio.sleep(POLL_SECONDS)


@asynccontextmanager
async def observer(dsn: str) -> AsyncIterator[DatabaseObserver]:
    """Open both connections for the block.

    Raises:
        OSError: the server does not respond.

    """
    reading, locking = [
        await asyncpg.connect(
            dsn,
            timeout=TIMEOUT,
            command_timeout=TIMEOUT,
            server_settings={"application_name": "workshop check"},
        )
        for _ in range(2)
    ]
    try:
        yield DatabaseObserver(reading, locking)
    finally:
        for connection in (locking, reading):
            await connection.close(timeout=TIMEOUT)


def _comparable(name: str, row: dict[str, Any], snapshot: Snapshot) -> str:
    order = row["id"] if name == "orders" else row["order_id"]
    if order > snapshot.newest:
        row |= dict.fromkeys({"id", "order_id"} & row.keys(), "new")
        row.pop("created_at", None)
    elif name == "order_items":
        del row["id"]
    return f"{name}: {json.dumps(row, sort_keys=True)}"
