"""A SQLAlchemy engine's own counts."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from sqlalchemy.pool import QueuePool

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from poolwatch.ledger import Book


class EngineGauge:
    """The counts of the engine's current pool; keeps no engine alive.

    A QueuePool counts itself. NullPool and StaticPool do not: for them the
    ledger's loans are counted.
    """

    def __init__(self, engine: Engine) -> None:
        """Refer to the engine, and to its first pool, weakly."""
        self._engine = weakref.ref(engine)
        self._first = weakref.ref(engine.pool)
        self.book: Book | None = None

    @property
    def _pool(self) -> Any:  # noqa: ANN401
        engine = self._engine()  # whose pool changes when it is disposed of
        return None if engine is None else engine.pool

    @property
    def _queue_pool(self) -> QueuePool | None:
        pool = self._pool
        return pool if isinstance(pool, QueuePool) else None

    def size(self) -> int:
        """Connections it keeps open when all are idle."""
        pool = self._queue_pool
        return pool.size() if pool is not None else 0

    def minimum(self) -> int:
        """None: it opens a connection for the first checkout."""
        return 0

    def capacity(self) -> int | None:
        """The most that can be checked out: pool size and overflow."""
        pool = self._queue_pool
        if pool is None:
            return None
        overflow: int = pool._max_overflow  # noqa: SLF001
        return pool.size() + overflow if overflow >= 0 else None

    def checked_out(self) -> int:
        """Connections of the current pool that are checked out now."""
        pool = self._queue_pool
        if pool is not None:
            return pool.checkedout()
        return len(self.book.loans) if self.book else 0

    def idle(self) -> int:
        """Open connections that wait in the pool."""
        pool = self._queue_pool
        if pool is None:
            return 0
        # A slot whose connection was invalidated waits like any other, so
        # `checkedin()` counts it as well.
        queue: Any = pool._pool  # noqa: SLF001
        waiting = getattr(queue, "queue", None)
        if waiting is None:  # an asyncio engine's wraps an `asyncio.Queue`
            waiting = queue._queue._queue  # noqa: SLF001
        return sum(
            record.dbapi_connection is not None for record in waiting.copy()
        )

    def overflow(self) -> int:
        """Open connections beyond the pool's size."""
        pool = self._queue_pool
        return max(0, pool.overflow()) if pool is not None else 0

    def watches(self, pool: object) -> bool:
        """Whether this is the engine that it reads."""
        return self._engine() is getattr(pool, "sync_engine", pool)

    def closed(self) -> bool:
        """Whether it was disposed of, or collected, and nothing is open."""
        if self.book is not None and self.book.loans:
            return False
        pool = self._pool
        if pool is None:
            return True
        disposed = pool is not self._first()
        return disposed and self.checked_out() == self.idle() == 0
