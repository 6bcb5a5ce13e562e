"""Watch a SQLAlchemy engine, synchronous or asyncio, through its pool.

A loan begins with a checkout and ends with `checkin`, but not always: an
asyncio session that the garbage collector reclaims is reset and detached and
never checked in, so a watcher that counts checkins alone drifts for ever.

    given back              reset, checkin
    reclaimed, synchronous  reset, checkin
    reclaimed, asyncio      reset, detach, close_detached
    invalidated             invalidate, close, checkin
    detached                detach, later reset, close_detached

What tells a reclaimed connection from one that was given back is that nobody
has it any more: the pool's own weak reference to it is dead. (`reset` would
tell as well, and cost every checkout a microsecond.)

Waiting has no event, so the pool's `connect` is timed: the pool's class is
replaced by a subclass of itself, which a pool that is disposed of and made
anew keeps. It writes each loan and its return down as well, because events
cost more: a `checkout` event sends every checkout through more of SQLAlchemy,
which takes two microseconds. A `checkin` is what comes before `_return_conn`.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import TimeoutError as CheckoutTimeout

from poolwatch.call_site import frame_above
from poolwatch.errors import PoolExhausted
from poolwatch.pools.sqlalchemy_gauge import EngineGauge

try:
    from greenlet import getcurrent
except ModuleNotFoundError:  # then nobody uses SQLAlchemy's asyncio either
    getcurrent = None

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlalchemy.pool import (
        ConnectionPoolEntry,
        PoolProxiedConnection,
    )

    from poolwatch.ledger import Book, Ledger, Loan

PID = "poolwatch.pid"
"""Where a connection record remembers its backend's process id."""
BEGAN = "poolwatch.began"
"""Where it remembers when it began to connect."""
CONNECT = Engine.connect.__code__
"""What most loans begin with."""


class SQLAlchemyPoolExhausted(PoolExhausted, CheckoutTimeout):
    """What a watched engine raises in place of SQLAlchemy's own timeout."""


def knows(pool: object) -> bool:
    """Whether this adapter can watch it."""
    return isinstance(_sync_engine(pool), Engine)


def watch(engine: Engine | AsyncEngine, name: str, ledger: Ledger) -> Book:
    """Write each loan of the engine's pool into the ledger.

    Raises:
        ValueError: the ledger has a pool of that name already.

    """
    core: Engine = _sync_engine(engine)
    gauge = EngineGauge(core)
    book = gauge.book = ledger.open_book(name, gauge)
    _follow_losses(core, book)
    _time_connects(core, book)
    _follow_loans(core, book)
    return book


def follow_loans(engine: Engine, book: Book) -> None:
    """Write down whatever a pool lends and gets back, by events alone."""

    def record_checkout(
        _: object, record: ConnectionPoolEntry, __: object
    ) -> None:
        _record_checkout(book, record)

    def record_end(_: object, record: ConnectionPoolEntry) -> None:
        book.record_end(id(record))

    event.listen(engine, "checkout", record_checkout)
    event.listen(engine, "checkin", record_end)
    _follow_losses(engine, book)


def _record_checkout(
    book: Book,
    record: Any,  # noqa: ANN401
    began: float | None = None,
) -> None:
    info = record.info
    if PID not in info:
        info[PID] = _backend_pid(record.driver_connection)
    # SQLAlchemy's own weak reference to what it has lent.
    handle = record.fairy_ref
    frame = frame_above(4)
    if frame is None or frame.f_code is not CONNECT:
        # Beyond this function and its caller: neither is the application's.
        frame = frame_above(2)
    # An asyncio engine's core runs in a greenlet, beside whoever awaits it.
    awaiting = getcurrent().parent if getcurrent is not None else None
    beyond = awaiting.gr_frame if awaiting is not None else None
    book.record_checkout(id(record), info[PID], handle, began, frame, beyond)


def _follow_losses(engine: Engine, book: Book) -> None:
    def invalidate(
        _: object, record: ConnectionPoolEntry, __: BaseException | None
    ) -> None:
        book.record_end(id(record), "terminated")

    def detach(_: object, record: Any) -> None:  # noqa: ANN401
        # The record is back in the pool by now, and may be another's.
        loan = book.loans.get(id(record))
        if loan is not None and loan.handle is not record.fairy_ref:
            book.record_end(id(record), "detached")

    async def free(loan: Loan) -> None:
        connection = loan.handle() if loan.handle else None
        if connection is not None:
            connection.invalidate()

    event.listen(engine, "invalidate", invalidate)
    event.listen(engine, "detach", detach)
    book.free_slot = free


def _sync_engine(engine: Any) -> Any:  # noqa: ANN401
    """An asyncio engine's core; `AsyncEngine` itself wants greenlet."""
    return getattr(engine, "sync_engine", engine)


def _time_connects(engine: Engine, book: Book) -> None:
    def before(_: object, record: ConnectionPoolEntry, *__: object) -> None:
        if record is not None and record.record_info is not None:
            record.record_info[BEGAN] = time.monotonic()

    def after(_: object, record: ConnectionPoolEntry) -> None:
        if record.record_info and BEGAN in record.record_info:
            began = record.record_info.pop(BEGAN)
            book.record_connect(time.monotonic() - began)

    event.listen(engine, "do_connect", before)
    event.listen(engine, "connect", after)


def _follow_loans(engine: Engine, book: Book) -> None:
    plain: Any = type(engine.pool)
    # `super()` takes a look at each call.
    connect, return_conn = plain.connect, plain._return_conn  # noqa: SLF001

    class Watched(plain):  # type: ignore[misc]
        watched_as = book.name

        def connect(self) -> PoolProxiedConnection:
            began = book.begin_wait()
            connection: Any = None
            try:
                connection = connect(self)
            except CheckoutTimeout as timeout:
                book.record_timeout()
                raise SQLAlchemyPoolExhausted.of(book) from timeout
            finally:
                if connection is None:
                    book.end_wait(began)
            _record_checkout(book, connection._connection_record, began)  # noqa: SLF001
            return connection  # type: ignore[no-any-return]

        def _return_conn(self, record: ConnectionPoolEntry) -> None:
            book.record_end(id(record))
            return_conn(self, record)

    Watched.__name__ = Watched.__qualname__ = f"Watched{plain.__name__}"
    engine.pool.__class__ = Watched


def _backend_pid(driver_connection: Any) -> int | None:  # noqa: ANN401
    """Ask asyncpg, or psycopg (2 and 3), for the backend's process id."""
    with suppress(Exception):  # it is closed, or another driver's
        if hasattr(driver_connection, "get_server_pid"):
            return int(driver_connection.get_server_pid())
        return int(driver_connection.info.backend_pid)
    return None
