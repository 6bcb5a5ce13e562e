"""How memory grew in a run, and how sure a rate per hour is."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
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
"""Of a run, each of which gives a rate."""
FEWEST = 5
"""Points that make a line, and parts that make a rate."""

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

    It is the median over equal parts of the run. The allocator and the kernel
    add and free several MiB at once: such a step changes the slope of one
    part, where a line through all samples would take it for growth. The
    error comes from the median distance to the median, for the same reason.
    """
    end = len(result.per_second)
    if end < WARM_UP + LONG_ENOUGH:
        return None
    parts: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for at, mib in _under_load(result, side):
        if at >= WARM_UP:
            part = int(PARTS * (at - WARM_UP) / (end - WARM_UP))
            parts[part].append((at / HOUR, mib))
    slopes = [
        slope.value for points in parts.values() if (slope := _slope(points))
    ]
    if len(slopes) < FEWEST:
        return None
    middle = median(slopes)
    distance = median(abs(slope - middle) for slope in slopes)
    # Of a normal distribution: the median distance is 0.674 of a standard
    # deviation, and a median's error 1.253 times a mean's.
    error = 1.253 * distance / 0.674 / len(slopes) ** 0.5
    return Slope(middle, error)


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
