"""The last minutes of the service, one data point per second."""

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from lab.reading import PoolReading, Reading, wait_p95

SECONDS = 1.0
"""Between two data points."""
POINTS = 180
P95_POINTS = 5
"""One second has too few waits for a percentile."""

Availability = Literal["up", "blocked", "down"]
"""Blocked: only poolwatch's thread answers, the event loop does not."""


@dataclass(frozen=True, slots=True)
class DataPoint:
    """One reading, and what has happened since the one before."""

    reading: Reading
    service: Availability
    answered: float
    failed: float
    timeouts: float
    """Each per second."""
    p95: float | None
    """Of the waits for a connection, in seconds; None without any wait."""

    def pool(self, name: str) -> PoolReading | None:
        """Find a pool; None while the service is down."""
        if self.service == "down":
            return None
        named = (pool for pool in self.reading.pools if pool.name == name)
        return next(named, None)

    def leaked(self, pool: str | None = None) -> int:
        """Count leaked loans, of one pool or of all."""
        return sum(
            line.loans
            for line in self.reading.lines
            if line.state == "leaked" and pool in {None, line.pool}
        )


@dataclass(slots=True)
class History:
    """What the charts draw. Both queues are bounded."""

    points: deque[DataPoint] = field(
        default_factory=lambda: deque(maxlen=POINTS)
    )
    marks: deque[tuple[float, str]] = field(
        default_factory=lambda: deque(maxlen=20)
    )
    """When each action was, and its name; charts draw a line there."""
    zero: Reading | None = None
    """Where totals start: the first reading, or the last reset."""

    @property
    def now(self) -> DataPoint | None:
        """The newest data point."""
        return self.points[-1] if self.points else None

    def add(self, reading: Reading, service: Availability) -> None:
        """Compare a reading with the one before it."""
        last = self.points[-1].reading if self.points else reading
        if self.zero is None or reading.answered < self.zero.answered:
            self.zero = reading  # the first one, or the service restarted
        seconds = max(reading.at - last.at, 0.1)
        earlier = [each.reading for each in self.points][-P95_POINTS:]
        self.points.append(
            DataPoint(
                reading,
                service,
                answered=max(0, reading.answered - last.answered) / seconds,
                failed=max(0, reading.failed - last.failed) / seconds,
                timeouts=max(0, reading.timeouts - last.timeouts) / seconds,
                p95=wait_p95(earlier[0], reading) if earlier else None,
            )
        )

    def mark(self, at: float, words: str) -> None:
        """Remember an action."""
        self.marks.append((at, words))

    def count_from_now(self) -> None:
        """Start the totals at the next reading."""
        self.zero = None
