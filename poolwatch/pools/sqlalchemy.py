"""Watch a SQLAlchemy engine, synchronous or asyncio, through its pool.

A loan begins with a checkout and ends with `checkin`, but not always: an
asyncio session that the garbage collector ends is reset and detached and
never checked in, so a watcher that counts checkins alone drifts for ever.

    returned                        reset, checkin
    garbage collected, synchronous  reset, checkin
    garbage collected, asyncio      reset, detach, close_detached
    invalidated                     invalidate, close, checkin
    detached, later closed          detach; reset, close_detached

A connection was garbage collected if the pool's own weak reference to it is
dead. (`reset` would tell as well, and cost every checkout a microsecond.)

Waiting has no event, so the pool's `connect` is timed: the pool's class is
replaced by a subclass of itself, which `dispose()` keeps for the next pool.
It records each loan and its return as well, because events cost more: a
`checkout` event sends every checkout through more of SQLAlchemy, which takes
two microseconds. A `checkin` is what comes before `_return_conn`.
"""

from __future__ import annotations

import sys
import time
import weakref
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import TimeoutError as CheckoutTimeout

from poolwatch.book import Book
from poolwatch.call_site import frame_above
from poolwatch.errors import PoolExhausted
from poolwatch.guard import harmless
from poolwatch.pools import unwrap
from poolwatch.pools.sqlalchemy_gauge import EngineGauge

try:
    from greenlet import getcurrent
except ModuleNotFoundError:  # then SQLAlchemy's asyncio cannot be used either
    getcurrent = None

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlalchemy.pool import (
        ConnectionPoolEntry,
        PoolProxiedConnection,
    )

    from poolwatch.ledger import Ledger, Loan

PID = "poolwatch.pid"
"""Where a connection record remembers its backend's process id."""
LOAN = "poolwatch.loan"
"""Where it remembers its loan, so that the start of a release finds it."""
CONNECT = Engine.connect.__code__
"""What most loans begin with."""

record_end = harmless(Book.record_end)


class SQLAlchemyPoolExhausted(PoolExhausted, CheckoutTimeout):
    """What a watched engine raises in place of SQLAlchemy's own timeout."""


def knows(pool: object) -> bool:
    """Whether this adapter can watch it."""
    return isinstance(_sync_engine(pool), Engine)


def watch(engine: Engine | AsyncEngine, name: str, ledger: Ledger) -> Book:
    """Record each loan of the engine's pool in the ledger.

    Raises:
        ValueError: the ledger has a pool of that name already.

    """
    core: Engine = _sync_engine(engine)
    gauge = EngineGauge(core)
    book = gauge.book = ledger.open_book(name, gauge)
    _follow_losses(core, book)
    _follow_loans(core, book)
    _releases.patch()

    def close() -> None:
        if not book.loans:  # else its pool lives on
            ledger.close_book(book)

    weakref.finalize(core, close).atexit = False
    return book


def follow_loans(engine: Engine, book: Book) -> None:
    """Record what a pool hands out and gets back, by events alone."""

    def checkout(_: object, record: ConnectionPoolEntry, __: object) -> None:
        _record_checkout(book, record)

    def checkin(_: object, record: ConnectionPoolEntry) -> None:
        record_end(book, id(record))

    event.listen(engine, "checkout", checkout)
    event.listen(engine, "checkin", checkin)
    _follow_losses(engine, book)


@harmless
def _record_checkout(
    book: Book,
    record: Any,  # noqa: ANN401
    began: float | None = None,
) -> None:
    info = record.info
    if PID not in info:
        info[PID] = _backend_pid(record.driver_connection)
    # SQLAlchemy's own weak reference to what it has handed out.
    handle = record.fairy_ref
    frame = frame_above(5)
    if frame is None or frame.f_code is not CONNECT:
        # Beyond this function, its guard and its caller.
        frame = frame_above(3)
    # An asyncio engine's core runs in a greenlet, beside what awaits it.
    awaiting = getcurrent().parent if getcurrent is not None else None
    beyond = awaiting.gr_frame if awaiting is not None else None
    loan = book.record_checkout(
        id(record), info[PID], handle, began, frame, beyond
    )
    if _releases.patched:
        info[LOAN] = loan


@harmless
def _record_timeout(book: Book) -> SQLAlchemyPoolExhausted:
    book.record_timeout()
    return SQLAlchemyPoolExhausted.of(book)


@harmless
def _record_detach(book: Book, connection: Any, record: Any) -> None:  # noqa: ANN401
    slot = id(record)
    loan = book.loans.get(slot)
    # The record is back in the pool by now, and may be checked out again.
    if loan is None or loan.handle is record.fairy_ref:
        return
    driver_connection = _driver_connection(connection)
    if (loan.handle is not None and loan.handle() is None) or _is_closed(
        driver_connection
    ):
        book.record_end(slot, "terminated")
    else:
        book.record_detach(slot, driver_connection)


@harmless
def _record_close(book: Book, connection: Any) -> None:  # noqa: ANN401
    book.record_end(id(_driver_connection(connection)))


def _follow_losses(engine: Engine, book: Book) -> None:
    def invalidate(
        _: object, record: ConnectionPoolEntry, __: BaseException | None
    ) -> None:
        record_end(book, id(record), "terminated")

    def detach(connection: object, record: ConnectionPoolEntry) -> None:
        _record_detach(book, connection, record)

    def close_detached(connection: object) -> None:
        _record_close(book, connection)

    async def free(loan: Loan) -> None:
        connection = loan.handle() if loan.handle else None
        if connection is not None and not loan.detached:
            connection.invalidate()

    event.listen(engine, "invalidate", invalidate)
    event.listen(engine, "detach", detach)
    event.listen(engine, "close_detached", close_detached)
    book.free_slot = free


def _sync_engine(engine: Any) -> Any:  # noqa: ANN401
    """An asyncio engine's core; `AsyncEngine` itself wants greenlet."""
    return getattr(engine, "sync_engine", engine)


def _driver_connection(connection: Any) -> Any:  # noqa: ANN401
    """The driver's own connection, behind the adapter of an asyncio one."""
    return unwrap(getattr(connection, "driver_connection", connection))


def _follow_loans(engine: Engine, book: Book) -> None:
    pool: Any = engine.pool
    plain: Any = type(pool)
    # `super()` takes a look at each call.
    connect, return_conn = plain.connect, plain._return_conn  # noqa: SLF001
    waiters = book.waiters

    class Watched(plain):  # type: ignore[misc]
        watched_as = book.name

        def connect(self) -> PoolProxiedConnection:
            waiters.append(None)
            began = time.monotonic()
            try:
                connection: Any = connect(self)
            except CheckoutTimeout as timeout:
                book.record_wait(began)
                error = _record_timeout(book)
                if error is None:
                    raise
                raise error from timeout
            except BaseException:
                book.record_wait(began)
                raise
            finally:
                del waiters[:1]
            _record_checkout(book, connection._connection_record, began)  # noqa: SLF001
            return connection  # type: ignore[no-any-return]

        def _return_conn(self, record: ConnectionPoolEntry) -> None:
            record_end(book, id(record))
            return_conn(self, record)

        def _should_wrap_creator(self, creator: Any) -> Any:  # noqa: ANN401
            create = super()._should_wrap_creator(creator)

            def timed(record: ConnectionPoolEntry) -> Any:  # noqa: ANN401
                began = time.monotonic()
                connection = create(record)
                book.record_connect(time.monotonic() - began)
                return connection

            return timed

    Watched.__name__ = Watched.__qualname__ = f"Watched{plain.__name__}"
    pool.__class__ = Watched
    pool._creator = pool._creator  # noqa: SLF001 - wraps it again


def _is_closed(driver_connection: Any) -> bool:  # noqa: ANN401
    if hasattr(driver_connection, "is_closed"):
        return bool(driver_connection.is_closed())
    return bool(getattr(driver_connection, "closed", False))


def _backend_pid(driver_connection: Any) -> int | None:  # noqa: ANN401
    """Ask asyncpg, or psycopg (2 and 3), for the backend's process id."""
    with suppress(Exception):  # closed, or of an unknown driver
        if hasattr(driver_connection, "get_server_pid"):
            return int(driver_connection.get_server_pid())
        return int(driver_connection.info.backend_pid)
    return None


class _Releases:
    """Notes the loans that an asyncio session or connection is closing.

    SQLAlchemy closes it in a task of its own, shielded from a cancellation.
    Before 2.1 a cancelled request does not wait for that task, and ends.
    """

    def __init__(self) -> None:
        """Note nothing yet."""
        self.faults: dict[str, str] = {}
        self.patched = False

    def __str__(self) -> str:
        """Name it in a fault of its own."""
        return "closing sessions"

    def patch(self) -> None:
        """Note them from now on, where SQLAlchemy does not wait itself."""
        if self.patched or "sqlalchemy.ext.asyncio" not in sys.modules:
            return
        from sqlalchemy.ext.asyncio import (  # noqa: PLC0415 - wants greenlet
            AsyncConnection,
            AsyncSession,
            base,
            session,
        )

        if hasattr(base, "_run_to_completion"):
            return
        self.patched = True
        block: Any = session._AsyncSessionContextManager  # noqa: SLF001
        self._wrap(AsyncConnection, "close", lambda it: it.sync_connection)
        self._wrap(AsyncSession, "close", lambda it: it.sync_session)
        self._wrap(
            block, "__aexit__", lambda it: it.async_session.sync_session
        )

    def _wrap(
        self,
        owner: Any,  # noqa: ANN401
        name: str,
        core: Callable[[Any], Any],
    ) -> None:
        plain = getattr(owner, name)

        @wraps(plain)
        async def close(this: Any, *args: Any) -> None:  # noqa: ANN401
            self.note(core, this)
            await plain(this, *args)

        setattr(owner, name, close)

    @harmless
    def note(self, core: Callable[[Any], Any], closing: Any) -> None:  # noqa: ANN401
        """Note the loans of what is closing."""
        for connection in _connections(core(closing)):
            record = connection._dbapi_connection._connection_record  # noqa: SLF001
            loan = record.info.get(LOAN)
            if loan is not None:
                loan.release_begun = True


def _connections(core: Any) -> list[Any]:  # noqa: ANN401
    """The open connections of a core session, or of a core connection."""
    transaction = getattr(core, "_transaction", None)
    found = getattr(transaction, "_connections", None)
    connections = [core] if found is None else [c for c, *_ in found.values()]
    return [
        connection
        for connection in connections
        if getattr(connection, "_dbapi_connection", None) is not None
    ]


_releases = _Releases()
