"""The last minutes of the service, a moment a second, for all who look on."""

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from lab.reading import Reading, wait_p95

MINUTES = 3
MOMENTS = MINUTES * 60
P95_MOMENTS = 5
"""A second has few waits; the percentile is of so many seconds."""

Presence = Literal["answers", "blocked", "away"]
"""Whether the service answers, only its lookout thread does, or nobody."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One reading, and what has happened since the one before."""

    reading: Reading
    presence: Presence
    answered: float
    failed: float
    timeouts: float
    """Each a second."""
    p95: float | None
    """Of the waits for a connection, in seconds; None where nobody waited."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that somebody did, to be drawn into the charts."""

    at: float
    words: str


@dataclass(slots=True)
class History:
    """What there is to draw; a moment falls out when it is too old."""

    moments: deque[Moment] = field(
        default_factory=lambda: deque(maxlen=MOMENTS)
    )
    marks: deque[Mark] = field(default_factory=lambda: deque(maxlen=20))
    zero: Reading | None = None
    """From where totals are counted: the first reading, or a reset."""

    @property
    def now(self) -> Moment | None:
        """The newest moment."""
        return self.moments[-1] if self.moments else None

    def add(self, reading: Reading, presence: Presence) -> None:
        """Compare a reading with the one before it."""
        last = self.moments[-1].reading if self.moments else reading
        if self.zero is None or reading.answered < self.zero.answered:
            self.zero = reading  # the first, or the service was started anew
        seconds = max(reading.at - last.at, 0.1)
        earlier = [moment.reading for moment in self.moments][-P95_MOMENTS:]
        self.moments.append(
            Moment(
                reading,
                presence,
                answered=max(0, reading.answered - last.answered) / seconds,
                failed=max(0, reading.failed - last.failed) / seconds,
                timeouts=max(0, reading.timeouts - last.timeouts) / seconds,
                p95=wait_p95(earlier[0], reading) if earlier else None,
            )
        )

    def mark(self, at: float, words: str) -> None:
        """Remember what was done."""
        self.marks.append(Mark(at, words))

    def count_from_now(self) -> None:
        """Let totals begin with the next reading; the service's go on."""
        self.zero = None
