"""How memory grew in a run, and how sure a rate per hour is."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from statistics import linear_regression, mean, median
from typing import Literal

from lab.report.demo_run import DemoRun, LeakStep, Sample, VariantResult

MIB = 2**20
HOUR = 3600
WARM_UP = 120
"""Seconds of load in which caches fill: memory grows, and then stops."""
LONG_ENOUGH = 300
"""Seconds after that. A shorter run cannot give a rate per hour."""
PARTS = 16
"""Parts of a run; each is one observation."""
FEWEST = 5
"""Points that make a line."""

Side = Literal["service", "PostgreSQL"]
"""The service's process, or PostgreSQL's backends of its connections."""


@dataclass(frozen=True, slots=True)
class Slope:
    """MiB for one more unit, and the standard error."""

    value: float
    error: float


def growth(result: VariantResult, side: Side) -> float | None:
    """MiB from the first to the last sample under load."""
    known = _under_load(result, side)
    return known[-1][1] - known[0][1] if known else None


def per_hour(result: VariantResult, side: Side) -> Slope | None:
    """MiB for each hour after the warm-up; None if the run is too short.

    Memory stays allocated for a while, so samples that follow one another
    resemble each other: the median of each of 16 equal parts is one
    observation. Then a line through all pairs of these, by Theil and Sen: a
    step of several MiB, as the allocator and the kernel make them, moves it
    less than it moves a line of least squares.
    """
    end = len(result.per_second)
    if end < WARM_UP + LONG_ENOUGH:
        return None
    parts: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for at, mib in _under_load(result, side):
        if WARM_UP <= at < end:
            part = int(PARTS * (at - WARM_UP) / (end - WARM_UP))
            parts[part].append((at / HOUR, mib))
    medians = [
        (median(at for at, _ in part), median(mib for _, mib in part))
        for part in parts.values()
    ]
    return _theil_sen(medians) if len(medians) >= FEWEST else None


def per_leak(run: DemoRun, side: Side) -> Slope | None:
    """MiB for each leaked connection."""
    return _slope(_points(((s.leaked, s) for s in run.leak_steps), side))


def _under_load(
    result: VariantResult, side: Side
) -> list[tuple[float, float]]:
    # Samples after the last arrival show how waiting requests end.
    end = len(result.per_second)
    samples = ((s.at, s) for s in result.samples if s.at <= end)
    return _points(samples, side)


def _points(
    steps: Iterable[tuple[float, Sample | LeakStep]], side: Side
) -> list[tuple[float, float]]:
    """Leave out what could not be measured."""
    return [
        (x, size / MIB)
        for x, step in steps
        if (
            size := step.service_bytes
            if side == "service"
            else step.postgresql_bytes
        )
        is not None
    ]


def _slope(points: Iterable[tuple[float, float]]) -> Slope | None:
    """Fit a line by least squares."""
    known = list(points)
    if len(known) < FEWEST or len({x for x, _ in known}) == 1:
        return None
    xs, ys = zip(*known, strict=True)
    slope, intercept = linear_regression(xs, ys)
    squares = sum((y - intercept - slope * x) ** 2 for x, y in known)
    middle = mean(xs)
    spread = sum((x - middle) ** 2 for x in xs)
    return Slope(slope, (squares / (len(known) - 2) / spread) ** 0.5)


def _theil_sen(points: list[tuple[float, float]]) -> Slope:
    """Take the median slope of all pairs of points (Theil 1950, Sen 1968).

    The error is half the distance between the slopes one standard deviation
    of Kendall's statistic below and above the median.
    """
    slopes = sorted(
        (y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2)
    )
    n = len(points)
    spread = (n * (n - 1) * (2 * n + 5) / 18) ** 0.5
    last = len(slopes) - 1
    low = max(round((last - spread) / 2), 0)
    high = min(round((last + spread) / 2), last)
    return Slope(median(slopes), (slopes[high] - slopes[low]) / 2)
