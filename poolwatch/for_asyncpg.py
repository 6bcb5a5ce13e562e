"""Watch an asyncpg pool.

asyncpg has no events. A pool keeps a holder for each of its slots in a
queue, and a loan is exactly the time a holder is away from that queue,
whichever way it ends: release, close, terminate, or a backend that died. So
the pool's class and its queue's class are replaced by subclasses of
themselves that write down what leaves and what comes back.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import asyncpg

from poolwatch.errors import PoolExhausted

if TYPE_CHECKING:
    from poolwatch.ledger import Book, Ledger


class PoolGauge:
    """What an asyncpg pool says of itself."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """Keep the pool."""
        self._pool = pool

    def size(self) -> int:
        """The most it keeps, which is also the most it lends."""
        return self._pool.get_max_size()

    def capacity(self) -> int:
        """The most it lends at once."""
        return self._pool.get_max_size()

    def lent(self) -> int:
        """Connections lent now."""
        return self._pool.get_size() - self._pool.get_idle_size()

    def idle(self) -> int:
        """Open connections that wait in the pool."""
        return self._pool.get_idle_size()

    def overflow(self) -> int:
        """Nothing: asyncpg knows a most, and no overflow beyond it."""
        return 0


def knows(pool: object) -> bool:
    """Whether this adapter can watch it."""
    return isinstance(pool, asyncpg.Pool)


def watch(pool: asyncpg.Pool, name: str, ledger: Ledger) -> Book:
    """Write each loan of an open pool into the ledger."""
    queue = getattr(pool, "_queue", None)
    if queue is None:
        message = "open the pool first: pool = await asyncpg.create_pool(…)"
        raise TypeError(message)
    book = ledger.open_book(name, PoolGauge(pool))

    class WatchedQueue(type(queue)):  # type: ignore[misc]
        def put_nowait(self, holder: Any) -> None:  # noqa: ANN401
            super().put_nowait(holder)
            book.give_back(id(holder))

    class WatchedPool(asyncpg.Pool):
        __slots__ = ()

        async def _acquire(self, timeout: float | None) -> Any:  # noqa: ANN401, ASYNC109
            asked = time.perf_counter()
            book.waiting += 1
            try:
                connection = await super()._acquire(timeout)  # type: ignore[misc]
            except TimeoutError as expired:
                if book.gauge.lent() < book.gauge.capacity():
                    raise  # a free slot, but no server behind it
                book.timed_out()
                raise PoolExhausted(book) from expired
            finally:
                book.waiting -= 1
                book.waited(time.perf_counter() - asked)
            book.lend(
                id(connection._holder),  # noqa: SLF001
                connection.get_server_pid(),
            )
            return connection

    queue.__class__ = WatchedQueue
    pool.__class__ = WatchedPool
    return book
