"""Watch every pool of this process: for tests.

`poolwatch.watch` follows one pool, and times and explains its waits. This
follows the pools' classes, so that the plugin needs no pool. It replaces no
error and keeps no pool alive. A pool that the application watches as well is
watched by both, under one name. It lasts as long as the process.
"""

from __future__ import annotations

from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any, cast

from poolwatch.pools.ledger_gauge import UncountedGauge

if TYPE_CHECKING:
    from collections.abc import Callable

    from poolwatch.book import Book
    from poolwatch.ledger import Ledger
    from poolwatch.loan import Loan

UNPOOLED = "asyncpg.connect"
"""The book of connections that are made without a pool."""


def watch_all_pools(ledger: Ledger, opened: Callable[[Loan], None]) -> None:
    """Record the loans of every pool in a ledger, from now on.

    It imports SQLAlchemy, asyncpg and psycopg_pool where they are installed.
    Call it before other modules run `from asyncpg import connect`.

    Args:
        ledger: gets a book for each kind of pool.
        opened: is called with each loan at its checkout.

    """
    for watch in (_watch_sqlalchemy, _watch_asyncpg, _watch_psycopg):
        with suppress(ImportError):  # not installed: nothing to watch
            watch(ledger)
    for book in ledger.books.values():
        _call_at_checkout(book, opened)


def _call_at_checkout(book: Book, opened: Callable[[Loan], None]) -> None:
    record: Any = book.record_checkout
    recording: Any = book

    @wraps(record)
    def record_checkout(slot: int, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        record(slot, *args, **kwargs)
        if (loan := book.loans.get(slot)) is not None:
            opened(loan)

    recording.record_checkout = record_checkout


def _open_book(ledger: Ledger, kind: str) -> Book:
    gauge = UncountedGauge()
    book = gauge.book = ledger.open_book(kind, gauge)
    return book


def _name_pool(book: Book, slot: int, pool: object) -> None:
    """Call the pool as the application does, if it watches the pool."""
    if (loan := book.loans.get(slot)) is not None:
        loan.pool = getattr(type(pool), "watched_as", loan.pool)


def _watch_sqlalchemy(ledger: Ledger) -> None:
    from sqlalchemy import event  # noqa: PLC0415 - may not be installed
    from sqlalchemy.pool import Pool  # noqa: PLC0415

    from poolwatch.pools.sqlalchemy import follow_loans  # noqa: PLC0415

    book = _open_book(ledger, "SQLAlchemy")

    def name(_: object, record: object, connection: Any) -> None:  # noqa: ANN401
        _name_pool(book, id(record), connection._pool)  # noqa: SLF001

    # Events of the class reach every pool, also one that exists already.
    every_pool = cast("Any", Pool)
    follow_loans(every_pool, book)
    event.listen(Pool, "checkout", name)


def _watch_asyncpg(ledger: Ledger) -> None:
    import asyncpg  # noqa: PLC0415
    from asyncpg.pool import PoolConnectionHolder  # noqa: PLC0415

    from poolwatch.pools import asyncpg as for_asyncpg  # noqa: PLC0415

    for_asyncpg.watch(asyncpg, UNPOOLED, ledger)
    book = _open_book(ledger, "asyncpg.Pool")
    pool: Any = asyncpg.Pool
    holder: Any = PoolConnectionHolder
    acquire, release = pool._acquire, holder._release  # noqa: SLF001

    @wraps(acquire)
    async def _acquire(self: Any, timeout: float | None) -> Any:  # noqa: ANN401, ASYNC109
        connection = await acquire(self, timeout)
        slot = id(connection._holder)  # noqa: SLF001
        book.record_checkout(slot, connection.get_server_pid())
        _name_pool(book, slot, self)
        return connection

    @wraps(release)
    def _release(self: Any) -> None:  # noqa: ANN401
        book.record_end(id(self))  # first, as another may acquire it at once
        release(self)

    pool._acquire, holder._release = _acquire, _release  # noqa: SLF001


def _watch_psycopg(ledger: Ledger) -> None:
    from psycopg_pool import AsyncConnectionPool, ConnectionPool  # noqa: PLC0415

    from poolwatch.pools.psycopg import (  # noqa: PLC0415
        SLOT,
        record_checkout,
        record_end,
    )

    book = _open_book(ledger, "psycopg_pool")
    pool: Any = ConnectionPool
    pool_async: Any = AsyncConnectionPool
    get, put = pool.getconn, pool.putconn
    get_async, put_async = pool_async.getconn, pool_async.putconn

    @wraps(get)
    def getconn(self: Any, timeout: float | None = None) -> Any:  # noqa: ANN401
        connection = get(self, timeout)
        record_checkout(book, connection)
        _name_pool(book, vars(connection)[SLOT], self)
        return connection

    @wraps(put)
    def putconn(self: Any, conn: Any) -> None:  # noqa: ANN401
        record_end(book, self, conn)
        put(self, conn)

    @wraps(get_async)
    async def getconn_async(self: Any, timeout: float | None = None) -> Any:  # noqa: ANN401, ASYNC109
        connection = await get_async(self, timeout)
        record_checkout(book, connection)
        _name_pool(book, vars(connection)[SLOT], self)
        return connection

    @wraps(put_async)
    async def putconn_async(self: Any, conn: Any) -> None:  # noqa: ANN401
        record_end(book, self, conn)
        await put_async(self, conn)

    pool.getconn, pool.putconn = getconn, putconn
    pool_async.getconn, pool_async.putconn = getconn_async, putconn_async
