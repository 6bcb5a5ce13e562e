"""What a SQLAlchemy engine's pool says of itself."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from sqlalchemy import Engine, event
from sqlalchemy.pool import QueuePool

if TYPE_CHECKING:
    from sqlalchemy.pool import ConnectionPoolEntry

    from poolwatch.ledger import Book


class EngineGauge:
    """What the engine's pool of the moment says of itself.

    A QueuePool counts itself. NullPool and StaticPool do not; what they have
    lent is what the ledger has written.
    """

    def __init__(self, engine: Engine) -> None:
        """Keep the engine, whose pool changes when it is disposed of."""
        self._engine = engine
        self.book: Book | None = None
        # A slot whose connection was invalidated or reclaimed waits in the
        # pool like any other, and `checkedin()` counts it. So the slots that
        # do have a connection are followed here.
        self._open: set[int] = set()
        self._of = weakref.ref(engine.pool)
        event.listen(engine, "connect", self._opened)
        event.listen(engine, "close", self._closed)
        event.listen(engine, "detach", self._closed)

    def _opened(self, _: object, record: ConnectionPoolEntry) -> None:
        self._slots().add(id(record))

    def _closed(self, _: object, record: ConnectionPoolEntry) -> None:
        self._slots().discard(id(record))

    def _slots(self) -> set[int]:
        # What a pool that was disposed of has lent is not of the new one. An
        # event tells of that as well, and costs every checkout 3 µs: an
        # engine with a listener joins all its events for each connection.
        if self._of() is not self._engine.pool:
            self._of = weakref.ref(self._engine.pool)
            self._open.clear()
        return self._open

    def size(self) -> int:
        """Connections it keeps open when nobody borrows."""
        pool = self._engine.pool
        return pool.size() if isinstance(pool, QueuePool) else 0

    def minimum(self) -> int:
        """None: it opens a connection when the first borrower asks."""
        return 0

    def capacity(self) -> int | None:
        """The most it lends at once: pool size and overflow."""
        pool = self._engine.pool
        if not isinstance(pool, QueuePool):
            return None
        overflow: int = pool._max_overflow  # noqa: SLF001
        return pool.size() + overflow if overflow >= 0 else None

    def checked_out(self) -> int:
        """Connections lent now."""
        pool = self._engine.pool
        if isinstance(pool, QueuePool):
            return pool.checkedout()
        return len(self.book.loans) if self.book else 0

    def idle(self) -> int:
        """Open connections that wait in the pool."""
        pool = self._engine.pool
        if not isinstance(pool, QueuePool):
            return 0
        return max(0, len(self._slots()) - pool.checkedout())

    def overflow(self) -> int:
        """Open connections beyond the pool's size."""
        pool = self._engine.pool
        return max(0, pool.overflow()) if isinstance(pool, QueuePool) else 0

    def closed(self) -> bool:
        """Never: an engine that was disposed of lends again."""
        return False
