"""The server's view of a connection: its row in pg_stat_activity."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Fetch = Callable[..., Awaitable[Iterable[Any]]]
"""`await fetch(query, *args)` returns rows that are read by column name."""

QUERY = """
SELECT pid, state, left(query, 200) AS query, wait_event_type, wait_event,
       extract(epoch FROM now() - xact_start)::float8 AS transaction_seconds,
       extract(epoch FROM now() - state_change)::float8 AS state_seconds,
       ARRAY(
           SELECT other.pid FROM pg_stat_activity AS other
           WHERE other.wait_event_type = 'Lock'
           AND activity.pid = ANY(pg_blocking_pids(other.pid))
       ) AS blocks
FROM pg_stat_activity AS activity
WHERE pid = ANY($1)
"""
"""Takes the process ids of the open loans."""


@dataclass(frozen=True, slots=True)
class Activity:
    """A connection as the server sees it; ages are in seconds."""

    pid: int
    state: str | None
    query: str
    wait_event_type: str | None
    wait_event: str | None
    transaction_seconds: float | None
    state_seconds: float | None
    blocks: list[int]
    """Backends that wait for a lock that this one holds."""


def by_pid(rows: Iterable[Mapping[str, Any]]) -> dict[int, Activity]:
    """Make rows of `QUERY` into values, by process id."""
    return {row["pid"]: Activity(**dict(row)) for row in rows}
