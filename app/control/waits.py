"""How long borrowers waited, to the microsecond.

`/metrics` has the same as a histogram, whose percentiles are as coarse as its
buckets.
"""

from collections import deque
from itertools import islice

from pydantic import BaseModel

from poolwatch import Book, Listener


class WaitTimes(BaseModel):
    """How long borrowers waited for a connection, in seconds."""

    count: int
    p50: float
    p95: float
    p99: float
    longest: float


class Waits(Listener):
    """Remembers each wait of the process, for exact percentiles."""

    MOST = 1_000_000

    def __init__(self) -> None:
        """Remember the newest million, 8 bytes each."""
        self._seconds: deque[float] = deque(maxlen=self.MOST)

    def waited(self, book: Book, seconds: float) -> None:  # noqa: ARG002
        """Remember one wait."""
        self._seconds.append(seconds)

    def times(self, skip: int = 0) -> WaitTimes:
        """Sum up what was remembered, all but the first so many."""
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
