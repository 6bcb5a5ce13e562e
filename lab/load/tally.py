"""Outcomes of a load, counted: in all, and second by second."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil

from lab.load.arrivals import Fate, Outcome


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Answer the smallest value that so many percent do not exceed."""
    if not values:
        return None
    ranked = sorted(values)
    return ranked[max(0, ceil(len(ranked) * percent / 100) - 1)]


@dataclass(slots=True)
class Tally:
    """Counts how requests ended, and keeps their latencies.

    A request that was not sent has no latency. One that has timed out has the
    time it was waited for: its real latency is more.
    """

    fates: Counter[Fate] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    lateness: list[float] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one."""
        self.fates[outcome.fate] += 1
        if outcome.fate != "not sent":
            self.latencies.append(outcome.latency)
            self.lateness.append(outcome.lateness)

    def latency(self, percent: float) -> float | None:
        """Answer a percentile, from the intended start."""
        return percentile(self.latencies, percent)

    @property
    def planned(self) -> int:
        """All arrivals."""
        return self.fates.total()

    @property
    def answered(self) -> int:
        """Those that were answered as their scenario says."""
        return self.fates["answered"]

    @property
    def failed(self) -> int:
        """All others."""
        return self.planned - self.answered

    def __str__(self) -> str:
        """Say it in two lines."""
        ends = ", ".join(f"{n} {fate}" for fate, n in self.fates.items())
        lines = [f"{self.planned} arrivals: {ends or 'none'}"]
        if self.latencies:
            p50, p95, p99 = map(self.latency, (50, 95, 99))
            late = percentile(self.lateness, 99)
            lines.append(
                f"latency from the intended start: p50 {p50:.3f} s,"
                f" p95 {p95:.3f} s, p99 {p99:.3f} s; sent late by {late:.3f} s"
                " (p99)"
            )
        return "\n".join(lines)
