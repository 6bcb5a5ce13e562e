"""Watch a psycopg pool, synchronous or asyncio, pooling or not.

psycopg_pool has no events. Whatever it lends leaves through `getconn`, and
comes back through `putconn`: `connection()` calls both, and so does `close()`
of a connection whose pool was made with `close_returns`. So the pool's class
is replaced by a subclass of itself that writes both down.

A connection that is closed or dropped without `putconn` keeps its slot, and
nothing ever frees it: such a loan stays open, as the pool is one smaller.
"""

from __future__ import annotations

import itertools
import time
import weakref
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
from poolwatch.errors import PoolExhausted

if TYPE_CHECKING:
    from psycopg import AsyncConnection, Connection

    from poolwatch.ledger import Book, Ledger, Loan

    AnyConnection = Connection[Any] | AsyncConnection[Any]
    AnyPool = ConnectionPool[Any] | AsyncConnectionPool[Any]


SLOT = "poolwatch.slot"
"""Where a connection remembers its number, which is its slot in every book.
Its `id` would not do: a connection that is dropped stays lent, and another
comes to lie in its place."""
_slots = itertools.count()


class PsycopgPoolExhausted(PoolTimeout, PoolExhausted):
    """What a watched pool raises in place of psycopg's own timeout."""


class PoolGauge:
    """What a psycopg pool says of itself.

    It does not count what it has lent: that is what the ledger has written.
    """

    def __init__(self, watched: AnyPool) -> None:
        """Keep the pool."""
        self._pool = watched
        self._keeps = not isinstance(
            watched, NullConnectionPool | AsyncNullConnectionPool
        )
        self.book: Book | None = None

    def size(self) -> int:
        """The most it keeps, which is also the most it lends."""
        return self._pool.max_size if self._keeps else 0

    def minimum(self) -> int:
        """The floor it shrinks to when nobody borrows."""
        return self._pool.min_size

    def capacity(self) -> int | None:
        """The most it lends at once; a null pool may have no limit."""
        return self._pool.max_size or None

    def checked_out(self) -> int:
        """Connections lent now."""
        return len(self.book.loans) if self.book else 0

    def idle(self) -> int:
        """Open connections that wait in the pool."""
        return len(self._pool._pool)  # noqa: SLF001 - `get_stats` is a copy

    def overflow(self) -> int:
        """Nothing: psycopg knows a most, and no overflow beyond it."""
        return 0

    def closed(self) -> bool:
        """Whether it was open, and is not: it cannot be opened again."""
        return self._pool.closed and self._pool._opened  # noqa: SLF001


def knows(candidate: object) -> bool:
    """Whether this adapter can watch it."""
    return isinstance(candidate, ConnectionPool | AsyncConnectionPool)


def watch(watched: AnyPool, name: str, ledger: Ledger) -> Book:
    """Write each loan of a pool, open or not yet, into the ledger.

    Raises:
        ValueError: the ledger has a pool of that name already, which is
            not closed.

    """
    gauge = PoolGauge(watched)
    book = gauge.book = ledger.open_book(name, gauge)
    if isinstance(watched, AsyncConnectionPool):
        _watch_async(watched, book)
    else:
        _watch_sync(watched, book)
    return book


def _watch_sync(watched: ConnectionPool[Any], book: Book) -> None:
    plain: Any = type(watched)
    # `super()` takes a look at each call.
    plain_getconn, plain_putconn = plain.getconn, plain.putconn

    class Watched(plain):  # type: ignore[misc]
        watched_as = book.name

        def getconn(self, timeout: float | None = None) -> Any:  # noqa: ANN401
            began = book.begin_wait()
            connection = None
            try:
                connection = plain_getconn(self, timeout)
            except PoolTimeout as expired:
                book.record_timeout()
                if not book.full:
                    raise  # a free slot, but no server behind it
                raise PsycopgPoolExhausted.of(book) from expired
            finally:
                if connection is None:
                    book.end_wait(began)
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
            watched.run_task(pool.AddConnection(watched))
        else:
            connection.pgconn.finish()  # else it would be lent again
            watched.putconn(connection)

    watched.__class__ = Watched
    book.free_slot = free


def _watch_async(watched: AsyncConnectionPool[Any], book: Book) -> None:
    plain: Any = type(watched)
    # `super()` takes a look at each call.
    plain_getconn, plain_putconn = plain.getconn, plain.putconn

    class Watched(plain):  # type: ignore[misc]
        watched_as = book.name

        async def getconn(self, timeout: float | None = None) -> Any:  # noqa: ANN401, ASYNC109
            began = book.begin_wait()
            connection = None
            try:
                connection = await plain_getconn(self, timeout)
            except PoolTimeout as expired:
                book.record_timeout()
                if not book.full:
                    raise  # a free slot, but no server behind it
                raise PsycopgPoolExhausted.of(book) from expired
            finally:
                if connection is None:
                    book.end_wait(began)
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
            watched.run_task(pool_async.AddConnection(watched))
        else:
            connection.pgconn.finish()  # else it would be lent again
            await watched.putconn(connection)

    watched.__class__ = Watched
    book.free_slot = free


def record_checkout(
    book: Book, connection: AnyConnection, began: float | None = None
) -> None:
    """Write down what a pool has just lent."""
    slot = vars(connection).setdefault(SLOT, next(_slots))
    pid = connection.pgconn.backend_pid
    # Beyond this function and its caller: neither is the application's.
    frame = frame_above(2)
    book.record_checkout(slot, pid, weakref.ref(connection), began, frame)


def record_end(
    book: Book, watched: AnyPool, connection: AnyConnection
) -> None:
    """Write down what a pool is about to get back.

    Before the pool has it, who may lend it to another at once.
    """
    if connection._pool is not watched:  # noqa: SLF001 - there is no public way
        return  # which the pool is about to refuse
    slot = vars(connection).get(SLOT)
    if slot is not None:  # else it was lent before anybody watched
        book.record_end(
            slot, "terminated" if connection.closed else "returned"
        )
