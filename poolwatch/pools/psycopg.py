"""Watch a psycopg pool, synchronous or asyncio, pooling or not.

psycopg_pool has no events. Each connection leaves through `getconn`, and
returns through `putconn`: `connection()` calls both, and so does `close()`
of a connection whose pool was made with `close_returns`. So the pool's class
is replaced by a subclass of itself that records both.

A connection that is closed or dropped without `putconn` keeps its slot, and
nothing ever frees it: such a loan stays open, as the pool is one smaller.
"""

from __future__ import annotations

import gc
import itertools
import logging
import time
import weakref
from types import MethodType
from typing import TYPE_CHECKING, Any

from psycopg_pool import (
    AsyncConnectionPool,
    AsyncNullConnectionPool,
    ConnectionPool,
    NullConnectionPool,
    PoolTimeout,
    pool,
    pool_async,
)

from poolwatch.call_site import frame_above
from poolwatch.errors import PoolExhausted, exhausted
from poolwatch.guard import harmless

if TYPE_CHECKING:
    from psycopg import AsyncConnection, Connection

    from poolwatch.ledger import Book, Ledger, Loan

    AnyConnection = Connection[Any] | AsyncConnection[Any]
    AnyPool = ConnectionPool[Any] | AsyncConnectionPool[Any]

logger = logging.getLogger("poolwatch")

SLOT = "poolwatch.slot"
"""Where a connection remembers its number, which is its slot in every book.
Its `id` would not do: a connection that is dropped stays checked out, and
another may get its `id`."""
_slots = itertools.count()


class PsycopgPoolExhausted(PoolTimeout, PoolExhausted):
    """What a watched pool raises in place of psycopg's own timeout."""


class PoolGauge:
    """A psycopg pool's own counts; keeps no pool alive.

    The pool does not count what is checked out: the ledger does.
    """

    def __init__(self, watched: AnyPool) -> None:
        """Refer to the pool weakly."""
        self._pool = weakref.ref(watched)
        self._keeps = not isinstance(
            watched, NullConnectionPool | AsyncNullConnectionPool
        )
        self.book: Book | None = None

    @property
    def pool(self) -> Any:  # noqa: ANN401
        """The pool; None once it has been collected."""
        return self._pool()

    def size(self) -> int:
        """The most it keeps, which is also the most it hands out."""
        watched = self.pool
        return watched.max_size if watched and self._keeps else 0

    def minimum(self) -> int:
        """The size that it shrinks to when all are idle."""
        watched = self.pool
        return watched.min_size if watched else 0

    def capacity(self) -> int | None:
        """The most that can be checked out; a null pool may have no limit."""
        watched = self.pool
        return (watched.max_size if watched else 0) or None

    def checked_out(self) -> int:
        """Connections that are checked out now."""
        return len(self.book.loans) if self.book else 0

    def idle(self) -> int:
        """Open connections that wait in the pool."""
        watched = self.pool
        return len(watched._pool) if watched else 0  # noqa: SLF001 - `get_stats` is a copy

    def overflow(self) -> int:
        """A psycopg pool has a maximum, and no overflow beyond it."""
        return 0

    def watches(self, pool: object) -> bool:
        """Whether this is the pool that it reads."""
        return self.pool is pool

    def closed(self) -> bool:
        """Whether it was open, and is not: it cannot be opened again."""
        watched = self.pool
        return watched is None or (watched.closed and watched._opened)  # noqa: SLF001


def knows(candidate: object) -> bool:
    """Whether this adapter can watch it."""
    return isinstance(candidate, ConnectionPool | AsyncConnectionPool)


def watch(watched: AnyPool, name: str, ledger: Ledger) -> Book:
    """Record each loan of a pool, open or not yet, in the ledger.

    Raises:
        ValueError: the ledger has a pool of that name already, which is
            not closed.

    """
    gauge = PoolGauge(watched)
    book = gauge.book = ledger.open_book(name, gauge)
    _warn_of_bound_methods(book, watched)
    if isinstance(watched, AsyncConnectionPool):
        _watch_async(watched, book, gauge)
    else:
        _watch_sync(watched, book, gauge)
    weakref.finalize(watched, ledger.close_book, book).atexit = False
    return book


@harmless
def _warn_of_bound_methods(book: Book, watched: AnyPool) -> None:
    """Say so if code has taken `pool.getconn` already: it stays as it is."""
    bound = {
        method.__name__
        for method in gc.get_referrers(watched)
        if isinstance(method, MethodType)
    }
    for name in sorted(bound & {"getconn", "putconn"}):
        logger.warning(
            "%s: code has taken the pool's `%s` before `watch`, and poolwatch"
            " does not see its calls: call `watch` first",
            book,
            name,
        )


def _watch_sync(
    watched: ConnectionPool[Any], book: Book, gauge: PoolGauge
) -> None:
    plain: Any = type(watched)
    # `super()` takes a look at each call.
    plain_getconn, plain_putconn = plain.getconn, plain.putconn
    waiters = book.waiters

    class Watched(plain):  # type: ignore[misc]
        watched_as = book.name

        def getconn(self, timeout: float | None = None) -> Any:  # noqa: ANN401
            waiters.append(None)
            began = time.monotonic()
            try:
                connection = plain_getconn(self, timeout)
            except PoolTimeout as expired:
                book.record_wait(began)
                error = exhausted(book, PsycopgPoolExhausted)
                if error is None:
                    raise
                raise error from expired
            except BaseException:
                book.record_wait(began)
                raise
            finally:
                del waiters[:1]
            record_checkout(book, connection, began)
            return connection

        def putconn(self, conn: Connection[Any]) -> None:
            record_end(book, self, conn)
            plain_putconn(self, conn)

        def _connect(self, timeout: float | None = None) -> Any:  # noqa: ANN401
            began = time.monotonic()
            connection = super()._connect(timeout)
            book.record_connect(time.monotonic() - began)
            return connection

    async def free(loan: Loan) -> None:
        connection = loan.handle() if loan.handle else None
        if connection is None:
            gauge.pool.run_task(pool.AddConnection(gauge.pool))
        else:
            connection.pgconn.finish()  # else it would be handed out again
            gauge.pool.putconn(connection)

    watched.__class__ = Watched
    book.free_slot = free


def _watch_async(
    watched: AsyncConnectionPool[Any], book: Book, gauge: PoolGauge
) -> None:
    plain: Any = type(watched)
    # `super()` takes a look at each call.
    plain_getconn, plain_putconn = plain.getconn, plain.putconn
    waiters = book.waiters

    class Watched(plain):  # type: ignore[misc]
        watched_as = book.name

        async def getconn(self, timeout: float | None = None) -> Any:  # noqa: ANN401, ASYNC109
            waiters.append(None)
            began = time.monotonic()
            try:
                connection = await plain_getconn(self, timeout)
            except PoolTimeout as expired:
                book.record_wait(began)
                error = exhausted(book, PsycopgPoolExhausted)
                if error is None:
                    raise
                raise error from expired
            except BaseException:
                book.record_wait(began)
                raise
            finally:
                del waiters[:1]
            record_checkout(book, connection, began)
            return connection

        async def putconn(self, conn: AsyncConnection[Any]) -> None:
            record_end(book, self, conn)
            await plain_putconn(self, conn)

        async def _connect(self, timeout: float | None = None) -> Any:  # noqa: ANN401, ASYNC109
            began = time.monotonic()
            connection = await super()._connect(timeout)
            book.record_connect(time.monotonic() - began)
            return connection

    async def free(loan: Loan) -> None:
        connection = loan.handle() if loan.handle else None
        if connection is None:
            gauge.pool.run_task(pool_async.AddConnection(gauge.pool))
        else:
            connection.pgconn.finish()  # else it would be handed out again
            await gauge.pool.putconn(connection)

    watched.__class__ = Watched
    book.free_slot = free


@harmless
def record_checkout(
    book: Book, connection: AnyConnection, began: float | None = None
) -> None:
    """Record what a pool has just handed out."""
    slot = vars(connection).setdefault(SLOT, next(_slots))
    pid = connection.pgconn.backend_pid
    # Beyond this function, its guard and its caller.
    frame = frame_above(3)
    book.record_checkout(slot, pid, weakref.ref(connection), began, frame)


@harmless
def record_end(
    book: Book, watched: AnyPool, connection: AnyConnection
) -> None:
    """Record what a pool is about to take.

    Before the pool has it, which may hand it out at once.
    """
    if connection._pool is not watched:  # noqa: SLF001 - there is no public way
        return  # which the pool is about to refuse
    slot = vars(connection).get(SLOT)
    if slot is not None:  # else it was checked out before `watch`
        book.record_end(
            slot, "terminated" if connection.closed else "returned"
        )
