"""What a request has written: the rows that are younger than it.

PostgreSQL stamps each row with the transaction that wrote it, so that a row
written anew with the values it had is seen as well, and a rollback is not.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

SECONDS = 10
"""What the server may take to answer."""
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
_RENEW = """
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
"""Rows in a form that can be compared, less what is made up for new ones."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in the database's history."""

    transaction: int
    newest: int
    """The last order there was."""


class Observer:
    """Looks at the database over connections of its own."""

    def __init__(
        self, reading: asyncpg.Connection, locking: asyncpg.Connection
    ) -> None:
        """Use these two."""
        self._reading = reading
        self._locking = locking

    async def renew(self) -> Moment:
        """Make every order new again, and remember that moment.

        What is as it shall be, SQLAlchemy does not write.
        """
        await self._reading.execute(_RENEW)
        [row] = await self._reading.fetch(_NOW)
        return Moment(row["transaction"], row["newest"])

    async def written_since(self, moment: Moment) -> Rows:
        """Answer the rows that were written since, by whomever."""
        found = await self._reading.fetch(_SINCE, moment.transaction)
        rows = [(each["name"], json.loads(each["row"])) for each in found]
        return sorted(_comparable(name, row, moment) for name, row in rows)

    async def sessions(self) -> int:
        """How many connections were ever made to this database."""
        return int(await self._reading.fetchval(_SESSIONS))

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Let whoever reads or writes the shop's tables wait."""
        await self._locking.execute(_LOCK)
        try:
            yield
        finally:
            await self._locking.execute("ROLLBACK")

    async def until_waiting(self, over: Callable[[], bool]) -> None:
        """Come back when somebody waits for that lock, or when it is over."""
        pid = self._locking.get_server_pid()
        waiting = False
        while not (waiting or over()):
            waiting = await self._reading.fetchval(_WAITING, pid)
            await asyncio.sleep(POLL_SECONDS)


@asynccontextmanager
async def observer(dsn: str) -> AsyncIterator[Observer]:
    """Connect, and let go at the end.

    Raises:
        OSError: the server does not answer.

    """
    reading, locking = [
        await asyncpg.connect(
            dsn,
            timeout=SECONDS,
            command_timeout=SECONDS,
            server_settings={"application_name": "workshop check"},
        )
        for _ in range(2)
    ]
    try:
        yield Observer(reading, locking)
    finally:
        for connection in (locking, reading):
            await connection.close(timeout=SECONDS)


def _comparable(name: str, row: dict[str, Any], moment: Moment) -> str:
    order = row["id"] if name == "orders" else row["order_id"]
    if order > moment.newest:
        row |= dict.fromkeys({"id", "order_id"} & row.keys(), "new")
        row.pop("created_at", None)
    elif name == "order_items":
        del row["id"]
    return f"{name}: {json.dumps(row, sort_keys=True)}"
