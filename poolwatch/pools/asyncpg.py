"""Watch an asyncpg pool, or every connection that is made without one.

asyncpg has no events. A pool keeps a holder for each of its slots in a
queue. A loan is exactly the time that a holder is away from that queue. It
ends with a release, a close, a termination or the death of the backend. So
the classes of the pool and of its queue are replaced by subclasses that
record what leaves and what returns.

A holder lives as long as its pool, so its `id` is the slot. A pool cannot be
referred to weakly, nor can a holder before asyncpg 0.32. A queue can. Pool
and queue refer to each other, so the gauge finds the pool through the queue.

A connection of `asyncpg.connect()` is a loan from when it is open until it
is cleaned up, or until a pool takes it over. The connection's class is
replaced too, because asyncpg calls its termination listeners only in the
loop's next turn, which may never come.
"""

from __future__ import annotations

import functools
import sys
import time
import weakref
from typing import TYPE_CHECKING, Any

import asyncpg

from poolwatch.call_site import frame_above
from poolwatch.errors import PoolExhausted, exhausted
from poolwatch.guard import harmless
from poolwatch.pools import unwrap
from poolwatch.pools.ledger_gauge import UncountedGauge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import ModuleType

    from poolwatch.ledger import Book, Ledger, Loan
    from poolwatch.loan import Ending


class PoolGauge:
    """An asyncpg pool's own counts; keeps no pool alive."""

    def __init__(self, queue: Any) -> None:  # noqa: ANN401
        """Refer to the pool by its queue."""
        self._queue = weakref.ref(queue)

    @property
    def pool(self) -> Any:  # noqa: ANN401
        """The pool; None once it has been collected."""
        queue = self._queue()
        return None if queue is None else queue.watched

    def size(self) -> int:
        """The most it keeps, which is also the most it hands out."""
        return self.pool.get_max_size() if self.pool is not None else 0

    def minimum(self) -> int:
        """The fewest that asyncpg keeps open."""
        return self.pool.get_min_size() if self.pool is not None else 0

    def capacity(self) -> int:
        """The most that can be checked out at once."""
        return self.size()

    def checked_out(self) -> int:
        """Connections that are checked out now."""
        pool = self.pool
        return (
            pool.get_size() - pool.get_idle_size() if pool is not None else 0
        )

    def idle(self) -> int:
        """Open connections that wait in the pool."""
        return self.pool.get_idle_size() if self.pool is not None else 0

    def overflow(self) -> int:
        """An asyncpg pool has a maximum, and no overflow beyond it."""
        return 0

    def watches(self, pool: object) -> bool:
        """Whether this is the pool that it reads."""
        return self.pool is pool

    def closed(self) -> bool:
        """Whether it is closed, or waits for its last loans to be."""
        pool = self.pool  # asyncpg 0.27 has no `is_closing()`
        return pool is None or pool._closed or pool._closing  # noqa: SLF001


class ConnectsGauge(UncountedGauge):
    """Counts the connections that have no pool."""

    def watches(self, pool: object) -> bool:
        """Whether this is asyncpg itself."""
        return pool is asyncpg


def knows(pool: object) -> bool:
    """Whether this adapter can watch it: a pool, or asyncpg itself."""
    return pool is asyncpg or isinstance(pool, asyncpg.Pool)


def watch(pool: asyncpg.Pool | ModuleType, name: str, ledger: Ledger) -> Book:
    """Record each loan of an open pool in the ledger.

    Args:
        pool: an open pool; or the module `asyncpg`, for what
            `asyncpg.connect()` opens from now on.
        name: what it is called in reports and metrics.
        ledger: where to record.

    Raises:
        TypeError: the pool is not open yet.
        ValueError: the ledger has an open pool of that name already.

    """
    if not isinstance(pool, asyncpg.Pool):
        return _watch_connects(name, ledger)
    if getattr(pool, "_queue", None) is None:
        message = "open the pool first: pool = await asyncpg.create_pool(…)"
        raise TypeError(message)
    return _watch_pool(pool, name, ledger)


def _watch_pool(pool: Any, name: str, ledger: Ledger) -> Book:  # noqa: ANN401, C901 - one class, and all that it needs
    queue = pool._queue  # noqa: SLF001
    queues: Any = type(queue)
    pools: Any = type(pool)
    # `super()`, and a proxy in place of the connection, take a look at each
    # call.
    put_nowait = queues.put_nowait
    acquire, release = pools._acquire, pools.release  # noqa: SLF001

    class WatchedQueue(queues):  # type: ignore[misc]
        def put_nowait(self, holder: Any) -> None:  # noqa: ANN401
            _record_end(book, holder)
            put_nowait(self, holder)

    class WatchedPool(pools):  # type: ignore[misc]
        __slots__ = ()
        watched_as = name

        async def _acquire(self, timeout: float | None) -> Any:  # noqa: ANN401, ASYNC109
            waiters.append(None)
            began = time.monotonic()
            try:
                connection = await acquire(self, timeout)
            except TimeoutError as expired:
                book.record_wait(began)
                error = exhausted(book, PoolExhausted)
                if error is None:
                    raise
                raise error from expired
            except BaseException:
                book.record_wait(began)
                raise
            finally:
                del waiters[:1]
            _record_checkout(book, connection, began)
            return connection

        def release(
            self,
            connection: Any,  # noqa: ANN401
            *,
            timeout: float | None = None,
        ) -> Awaitable[None]:
            _record_release(book, connection)
            released: Awaitable[None] = release(
                self, connection, timeout=timeout
            )
            return released

        async def _get_new_connection(self) -> Any:  # noqa: ANN401
            began = time.monotonic()
            connection = await super()._get_new_connection()
            book.record_connect(time.monotonic() - began)
            return connection

    async def free(loan: Loan) -> None:
        for holder in gauge.pool._holders if gauge.pool is not None else ():  # noqa: SLF001
            if id(holder) == loan.slot:
                holder.terminate()

    # After the classes: a class that cannot be subclassed opens no book.
    gauge = PoolGauge(queue)
    book = ledger.open_book(name, gauge)
    waiters = book.waiters
    book.free_slot = free
    queue.watched = pool
    queue.__class__ = WatchedQueue
    pool.__class__ = WatchedPool
    weakref.finalize(queue, ledger.close_book, book).atexit = False
    return book


@harmless
def _record_checkout(book: Book, connection: Any, began: float) -> None:  # noqa: ANN401
    holder = connection._holder  # noqa: SLF001
    pid = holder._con.get_server_pid()  # noqa: SLF001
    # Beyond this function, its guard and `_acquire`.
    frame = frame_above(3)
    book.record_checkout(id(holder), pid, None, began, frame)


@harmless
def _record_release(book: Book, connection: Any) -> None:  # noqa: ANN401
    book.record_release(id(getattr(connection, "_holder", None)))


@harmless
def _record_end(book: Book, holder: Any) -> None:  # noqa: ANN401
    gone = holder._con is None or holder._con.is_closed()  # noqa: SLF001
    book.record_end(id(holder), "terminated" if gone else "returned")


def _watch_connects(name: str, ledger: Ledger) -> Book:
    gauge = ConnectsGauge()
    book = gauge.book = ledger.open_book(name, gauge)
    plain = asyncpg.connect

    @functools.wraps(plain)
    async def connect(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        began = time.monotonic()
        connection = await plain(*args, **kwargs)
        book.record_connect(time.monotonic() - began)
        _record_bare(book, connection, subclass)
        return connection

    @functools.cache
    def subclass(base: Any) -> Any:  # noqa: ANN401
        class WatchedConnection(base):  # type: ignore[misc]
            __slots__ = ()

            def _cleanup(self) -> None:
                _record_bare_end(book, self, "terminated")
                super()._cleanup()

            def __del__(self) -> None:
                _record_bare_end(book, self, "garbage collected")
                super().__del__()

        return WatchedConnection

    asyncpg.connect = connect
    _leave_to_pools(book)
    return book


@harmless
def _record_bare(
    book: Book,
    connection: Any,  # noqa: ANN401
    subclass: Callable[[Any], Any],
) -> None:
    _leave_to_engines(book)
    connection = unwrap(connection)
    connection.__class__ = subclass(type(connection))
    book.record_checkout(id(connection), connection.get_server_pid())


def _leave_to_pools(book: Book) -> None:
    """Forget what a pool's own `connect` has opened: the pool has it."""
    pools: Any = asyncpg.Pool
    plain = pools._get_new_connection  # noqa: SLF001

    @functools.wraps(plain)
    async def _get_new_connection(self: Any) -> Any:  # noqa: ANN401
        connection = await plain(self)
        _forget(book, connection)
        return connection

    pools._get_new_connection = _get_new_connection  # noqa: SLF001


def _leave_to_engines(book: Book) -> None:
    """Forget what SQLAlchemy has opened, as soon as it is imported."""
    if "sqlalchemy" not in sys.modules or book in _left_to_engines:
        return
    _left_to_engines.add(book)
    from sqlalchemy import event  # noqa: PLC0415 - may not be installed
    from sqlalchemy.pool import Pool  # noqa: PLC0415

    def adopt(_: object, record: Any) -> None:  # noqa: ANN401
        _forget(book, record.driver_connection)

    event.listen(Pool, "connect", adopt)


@harmless
def _forget(book: Book, connection: object) -> None:
    book.forget(id(unwrap(connection)))


@harmless
def _record_bare_end(book: Book, connection: object, how: Ending) -> None:
    book.record_end(id(connection), how)


_left_to_engines: weakref.WeakSet[Book] = weakref.WeakSet()
