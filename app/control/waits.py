"""Exact times that requests waited for a connection.

`/metrics` has them as a histogram, whose percentiles are as coarse as its
buckets.
"""

from collections import deque
from itertools import islice

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

    MOST = 1_000_000

    def __init__(self) -> None:
        """Keep the newest million, 8 bytes each."""
        self._seconds: deque[float] = deque(maxlen=self.MOST)

    def waited(self, book: Book, seconds: float) -> None:  # noqa: ARG002
        """Record one wait."""
        self._seconds.append(seconds)

    def times(self, skip: int = 0) -> WaitTimes:
        """Summarise the recorded waits, without the first `skip`."""
        found = sorted(islice(self._seconds, skip, None))
        waits = found or [0.0]
        last = len(waits) - 1
        return WaitTimes(
            count=len(found),
            p50=waits[round(0.50 * last)],
            p95=waits[round(0.95 * last)],
            p99=waits[round(0.99 * last)],
            longest=waits[last],
        )
