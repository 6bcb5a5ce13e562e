"""Watch a SQLAlchemy engine, synchronous or asyncio, through pool events.

A loan begins with `checkout`. It ends with `checkin`, or with `detach`: an
asyncio session that the garbage collector reclaims is detached and never
checked in, so a watcher that counts checkins alone drifts for ever.

Waiting has no event, so the pool's `connect` is timed: the pool's class is
replaced by a subclass of itself, which a pool that is disposed of and made
anew keeps.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import greenlet
from sqlalchemy import Engine, event
from sqlalchemy.exc import TimeoutError as CheckoutTimeout
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

from poolwatch.errors import PoolExhausted

if TYPE_CHECKING:
    from sqlalchemy.pool import (
        ConnectionPoolEntry,
        PoolProxiedConnection,
    )

    from poolwatch.ledger import Book, Ledger


class SQLAlchemyPoolExhausted(PoolExhausted, CheckoutTimeout):
    """What a watched engine raises in place of SQLAlchemy's own timeout."""


class EngineGauge:
    """What the engine's pool of the moment says of itself."""

    def __init__(self, engine: Engine) -> None:
        """Keep the engine, whose pool changes when it is disposed of."""
        self._engine = engine
        # A slot whose connection was invalidated or reclaimed waits in the
        # pool like any other, and `checkedin()` counts it. So the slots that
        # do have a connection are followed here.
        self._open: set[int] = set()
        event.listen(engine, "connect", self._opened)
        event.listen(engine, "close", self._closed)
        event.listen(engine, "detach", self._closed)
        event.listen(engine, "engine_disposed", self._disposed)

    def _opened(self, _: object, record: ConnectionPoolEntry) -> None:
        self._open.add(id(record))

    def _closed(self, _: object, record: ConnectionPoolEntry) -> None:
        self._open.discard(id(record))

    def _disposed(self, _: object) -> None:
        self._open.clear()  # what the old pool has lent is not of the new

    @property
    def _pool(self) -> QueuePool:
        pool = self._engine.pool
        if not isinstance(pool, QueuePool):
            message = f"{type(pool).__qualname__} keeps no count of itself"
            raise TypeError(message)
        return pool

    def size(self) -> int:
        """The most it keeps open when nobody borrows."""
        return self._pool.size()

    def capacity(self) -> int:
        """The most it lends at once: pool size and overflow."""
        return self._pool.size() + self._pool._max_overflow  # noqa: SLF001

    def lent(self) -> int:
        """Connections lent now."""
        return self._pool.checkedout()

    def idle(self) -> int:
        """Open connections that wait in the pool."""
        return max(0, len(self._open) - self.lent())

    def overflow(self) -> int:
        """Open connections beyond the pool's size."""
        return max(0, self._pool.overflow())


def knows(pool: object) -> bool:
    """Whether this adapter can watch it."""
    return isinstance(pool, (Engine, AsyncEngine))


def watch(engine: Engine | AsyncEngine, name: str, ledger: Ledger) -> Book:
    """Write each loan of the engine's pool into the ledger."""
    if isinstance(engine, AsyncEngine):
        engine = engine.sync_engine
    book = ledger.open_book(name, EngineGauge(engine))

    def lend(_: object, record: ConnectionPoolEntry, __: object) -> None:
        pid = record.info.get("poolwatch.pid")
        if pid is None:
            pid = _backend_pid(record.driver_connection)
            record.info["poolwatch.pid"] = pid
        awaiting = greenlet.getcurrent().parent
        book.lend(id(record), pid, awaiting and awaiting.gr_frame)

    def give_back(_: object, record: ConnectionPoolEntry) -> None:
        book.give_back(id(record))

    event.listen(engine, "checkout", lend)
    event.listen(engine, "checkin", give_back)
    event.listen(engine, "detach", give_back)
    _time_waits(engine, book)
    return book


def _time_waits(engine: Engine, book: Book) -> None:
    plain = type(engine.pool)

    class Watched(plain):  # type: ignore[misc, valid-type]
        def connect(self) -> PoolProxiedConnection:
            asked = time.perf_counter()
            book.waiting += 1
            try:
                return super().connect()  # type: ignore[no-any-return]
            except CheckoutTimeout as timeout:
                book.timed_out()
                raise SQLAlchemyPoolExhausted(book) from timeout
            finally:
                book.waiting -= 1
                book.waited(time.perf_counter() - asked)

    Watched.__name__ = Watched.__qualname__ = f"Watched{plain.__name__}"
    engine.pool.__class__ = Watched


def _backend_pid(driver_connection: Any) -> int | None:  # noqa: ANN401
    """Ask asyncpg, or psycopg (2 and 3), for the backend's process id."""
    if hasattr(driver_connection, "get_server_pid"):
        return int(driver_connection.get_server_pid())
    if hasattr(driver_connection, "info"):
        return int(driver_connection.info.backend_pid)
    return None
