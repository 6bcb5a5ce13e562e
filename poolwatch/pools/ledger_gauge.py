"""The gauge of connections that no single pool counts.

Bare `asyncpg.connect()` has no pool, and all pools of one kind taken together
have no count of their own: the ledger's loans are all there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from poolwatch.book import Book


class UncountedGauge:
    """What is lent, from the book itself; no limit, and nothing kept."""

    def __init__(self) -> None:
        """Wait for the book."""
        self.book: Book | None = None

    def size(self) -> int:
        """Nothing is known to be kept."""
        return 0

    def minimum(self) -> int:
        """Nothing is known to be kept."""
        return 0

    def capacity(self) -> None:
        """Only the server has a limit."""
        return

    def checked_out(self) -> int:
        """Connections lent now."""
        return len(self.book.loans) if self.book else 0

    def idle(self) -> int:
        """Nothing is known to be kept."""
        return 0

    def overflow(self) -> int:
        """Nothing is kept, so nothing is beyond it."""
        return 0

    def closed(self) -> bool:
        """Nobody can close it."""
        return False
