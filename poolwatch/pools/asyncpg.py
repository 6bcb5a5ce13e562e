"""Watch an asyncpg pool, or every connection that is made without one.

asyncpg has no events. A pool keeps a holder for each of its slots in a
queue, and a loan is exactly the time a holder is away from that queue,
whichever way it ends: release, close, terminate, or a backend that died. So
the pool's class and its queue's class are replaced by subclasses of
themselves that write down what leaves and what comes back.

A connection of `asyncpg.connect()` is a loan from when it is open until it
is cleaned up. asyncpg tells its termination listeners of that, but in the
loop's next turn, which may never come, and not who dropped it: so its class
is replaced too.
"""

from __future__ import annotations

import functools
import time
import weakref
from typing import TYPE_CHECKING, Any

import asyncpg

from poolwatch.call_site import frame_above
from poolwatch.errors import PoolExhausted
from poolwatch.pools.ledger_gauge import UncountedGauge

if TYPE_CHECKING:
    from types import ModuleType

    from poolwatch.ledger import Book, Ledger, Loan


class PoolGauge:
    """What an asyncpg pool says of itself."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """Keep the pool."""
        self._pool = pool

    def size(self) -> int:
        """The most it keeps, which is also the most it lends."""
        return self._pool.get_max_size()

    def minimum(self) -> int:
        """The floor that asyncpg restores."""
        return self._pool.get_min_size()

    def capacity(self) -> int:
        """The most it lends at once."""
        return self._pool.get_max_size()

    def checked_out(self) -> int:
        """Connections lent now."""
        return self._pool.get_size() - self._pool.get_idle_size()

    def idle(self) -> int:
        """Open connections that wait in the pool."""
        return self._pool.get_idle_size()

    def overflow(self) -> int:
        """Nothing: asyncpg knows a most, and no overflow beyond it."""
        return 0

    def closed(self) -> bool:
        """Whether it is closed, or waits to be for its last loans."""
        return self._pool.is_closing()


class ConnectsGauge(UncountedGauge):
    """What is known of connections that nobody pools."""


def knows(pool: object) -> bool:
    """Whether this adapter can watch it: a pool, or asyncpg itself."""
    return pool is asyncpg or isinstance(pool, asyncpg.Pool)


def watch(pool: asyncpg.Pool | ModuleType, name: str, ledger: Ledger) -> Book:
    """Write each loan of an open pool into the ledger.

    Args:
        pool: an open pool; or the module `asyncpg`, for what
            `asyncpg.connect()` opens from now on.
        name: what it is called in reports and metrics.
        ledger: where to write.

    Raises:
        TypeError: the pool is not open yet.
        ValueError: the ledger has an open pool of that name already, or
            `asyncpg.connect()` under another.

    """
    if not isinstance(pool, asyncpg.Pool):
        return _watch_connects(name, ledger)
    if getattr(pool, "_queue", None) is None:
        message = "open the pool first: pool = await asyncpg.create_pool(…)"
        raise TypeError(message)
    return _watch_pool(pool, name, ledger)


def _watch_pool(pool: Any, name: str, ledger: Ledger) -> Book:  # noqa: ANN401
    queue = pool._queue  # noqa: SLF001
    queues: Any = type(queue)
    pools: Any = type(pool)
    # `super()`, and a proxy in place of the connection, take a look at each
    # call.
    put_nowait, acquire = queues.put_nowait, pools._acquire  # noqa: SLF001

    class WatchedQueue(queues):  # type: ignore[misc]
        def put_nowait(self, holder: Any) -> None:  # noqa: ANN401
            gone = holder._con is None or holder._con.is_closed()  # noqa: SLF001
            book.record_end(id(holder), "terminated" if gone else "returned")
            put_nowait(self, holder)

    class WatchedPool(pools):  # type: ignore[misc]
        __slots__ = ()
        watched_as = name

        async def _acquire(self, timeout: float | None) -> Any:  # noqa: ANN401, ASYNC109
            began = book.begin_wait()
            connection = None
            try:
                connection = await acquire(self, timeout)
            except TimeoutError as expired:
                book.record_timeout()
                if not book.full:
                    raise  # a free slot, but no server behind it
                raise PoolExhausted.of(book) from expired
            finally:
                if connection is None:
                    book.end_wait(began)
            holder = connection._holder  # noqa: SLF001
            pid = holder._con.get_server_pid()  # noqa: SLF001
            frame = frame_above(1)
            book.record_checkout(
                id(holder), pid, weakref.ref(holder), began, frame
            )
            return connection

        async def _get_new_connection(self) -> Any:  # noqa: ANN401
            began = time.monotonic()
            connection = await super()._get_new_connection()
            book.record_connect(time.monotonic() - began)
            return connection

    async def free(loan: Loan) -> None:
        holder = loan.handle() if loan.handle else None
        if holder is not None:
            holder.terminate()

    # Only now: a class that wants no subclass leaves no book behind.
    book = ledger.open_book(name, PoolGauge(pool))
    book.free_slot = free
    queue.__class__ = WatchedQueue
    pool.__class__ = WatchedPool
    return book


def _watch_connects(name: str, ledger: Ledger) -> Book:
    watched_as = [
        book.name
        for book in ledger.books.values()
        if isinstance(book.gauge, ConnectsGauge)
    ]
    if watched_as:
        message = f"asyncpg.connect is watched already, as {watched_as[0]!r}"
        raise ValueError(message)
    gauge = ConnectsGauge()
    book = gauge.book = ledger.open_book(name, gauge)
    plain = asyncpg.connect

    async def open_watched(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        began = time.monotonic()
        connection = await plain(*args, **kwargs)
        book.record_connect(time.monotonic() - began)
        plainly: Any = type(connection)
        connection.__class__ = watched(plainly)
        book.record_checkout(id(connection), connection.get_server_pid())
        return connection

    @functools.wraps(plain)
    def connect(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        caller = frame_above(1)
        if caller is not None and _is_a_pool(caller.f_globals["__name__"]):
            return plain(*args, **kwargs)
        return open_watched(*args, **kwargs)

    @functools.cache
    def watched(base: Any) -> Any:  # noqa: ANN401
        class WatchedConnection(base):  # type: ignore[misc]
            __slots__ = ()

            def _cleanup(self) -> None:
                book.record_end(id(self), "terminated")
                super()._cleanup()

            def __del__(self) -> None:
                book.record_end(id(self), "garbage collected")
                super().__del__()

        return WatchedConnection

    asyncpg.connect = connect
    _leave_to_pools(book)
    return book


def _leave_to_pools(book: Book) -> None:
    """Strike off what a pool's own `connect` has opened: the pool lends it."""
    pools: Any = asyncpg.Pool
    plain = pools._get_new_connection  # noqa: SLF001

    @functools.wraps(plain)
    async def _get_new_connection(self: Any) -> Any:  # noqa: ANN401
        connection = await plain(self)
        book.record_end(id(connection))
        return connection

    pools._get_new_connection = _get_new_connection  # noqa: SLF001


def _is_a_pool(module: str) -> bool:
    """Whether it connects in order to lend, which another book follows."""
    return module.partition(".")[0] == "sqlalchemy"
