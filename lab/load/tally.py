"""Results of a load, counted: in all, and second by second."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil

from lab.load.arrivals import Ending, RequestResult


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Return the smallest value that so many percent do not exceed."""
    if not values:
        return None
    ranked = sorted(values)
    return ranked[max(0, ceil(len(ranked) * percent / 100) - 1)]


@dataclass(slots=True)
class Tally:
    """Counts how requests ended, and keeps their latencies.

    A request that was not sent has no latency. A request that timed out has
    the time until the client gave up: its real latency is longer.
    """

    endings: Counter[Ending] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    lateness: list[float] = field(default_factory=list)

    def add(self, result: RequestResult) -> None:
        """Count one."""
        self.endings[result.ending] += 1
        if result.ending != "not sent":
            self.latencies.append(result.latency)
            self.lateness.append(result.lateness)

    @property
    def failed(self) -> int:
        """Arrivals that did not end as their scenario says."""
        return self.endings.total() - self.endings["ok"]

    def __str__(self) -> str:
        """Sum up in two lines."""
        ends = ", ".join(f"{n} {ending}" for ending, n in self.endings.items())
        lines = [f"{self.endings.total()} arrivals: {ends or 'none'}"]
        if self.latencies:
            p50, p95, p99 = (
                percentile(self.latencies, each) for each in (50, 95, 99)
            )
            late = percentile(self.lateness, 99)
            lines.append(
                f"latency from the due time: p50 {p50:.3f} s, p95 {p95:.3f} s,"
                f" p99 {p99:.3f} s; sent late by {late:.3f} s (p99)"
            )
        return "\n".join(lines)
