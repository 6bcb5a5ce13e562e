"""Exact times that requests waited for a connection.

`/metrics` has them as a histogram, whose percentiles are as coarse as its
buckets.
"""

from array import array
from itertools import count

from pydantic import BaseModel

from poolwatch import Book, Listener


class WaitTimes(BaseModel):
    """Percentiles of the waits for a connection, in seconds."""

    count: int
    p50: float
    p95: float
    p99: float
    longest: float


class Waits(Listener):
    """Records each wait of this process."""

    MOST = 100_000
    """Waits that it keeps, the newest ones."""

    def __init__(self) -> None:
        """Make room for the newest waits, all at once.

        A list that grows would look like a memory leak of the service.
        """
        self._seconds = array("d", bytes(8 * self.MOST))
        self._numbers = count()
        self._count = 0

    def waited(self, book: Book, seconds: float) -> None:  # noqa: ARG002
        """Record one wait."""
        number = next(self._numbers)  # threads call this at the same time
        self._seconds[number % self.MOST] = seconds
        self._count = number + 1

    def times(self, skip: int = 0) -> WaitTimes:
        """Summarise the newest waits, without the first `skip` of all."""
        first = max(skip, self._count - self.MOST)
        found = sorted(
            self._seconds[number % self.MOST]
            for number in range(first, self._count)
        )
        waits = found or [0.0]
        last = len(waits) - 1
        return WaitTimes(
            count=len(found),
            p50=waits[round(0.50 * last)],
            p95=waits[round(0.95 * last)],
            p99=waits[round(0.99 * last)],
            longest=waits[last],
        )
