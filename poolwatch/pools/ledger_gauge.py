"""The gauge of connections that no single pool counts.

Bare `asyncpg.connect()` has no pool, and all pools of one kind taken together
have no count of their own: the ledger's loans are all there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from poolwatch.book import Book


class UncountedGauge:
    """Counts open loans; there is no limit, and nothing is kept open."""

    def __init__(self) -> None:
        """Wait for the book."""
        self.book: Book | None = None

    def size(self) -> int:
        """Nothing is kept open."""
        return 0

    def minimum(self) -> int:
        """Nothing is kept open."""
        return 0

    def capacity(self) -> None:
        """Only the server has a limit."""
        return

    def checked_out(self) -> int:
        """Connections that are checked out now."""
        return len(self.book.loans) if self.book else 0

    def idle(self) -> int:
        """Nothing is kept open."""
        return 0

    def overflow(self) -> int:
        """Nothing is kept open, so nothing is beyond it."""
        return 0

    def watches(self, pool: object) -> bool:  # noqa: ARG002
        """It reads no single pool."""
        return False

    def closed(self) -> bool:
        """It cannot be closed."""
        return False
