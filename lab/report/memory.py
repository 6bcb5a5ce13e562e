"""How memory grew in a run, and how sure a rate per hour is."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from statistics import linear_regression, mean
from typing import Literal

from lab.report.demo_run import DemoRun, LeakStep, Sample, VariantResult

MIB = 2**20
HOUR = 3600
WARM_UP = 120
"""Seconds of load in which caches fill: memory grows, and then stops."""
LONG_ENOUGH = 300
"""Seconds after that. A shorter run cannot give a rate per hour."""
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
    """MiB for each hour after the warm-up; None if the run is too short."""
    if len(result.per_second) < WARM_UP + LONG_ENOUGH:
        return None
    points = _under_load(result, side)
    return _slope((at / HOUR, mib) for at, mib in points if at >= WARM_UP)


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
    """Fit a line by least squares.

    Memory stays allocated for a while, so samples that follow one another
    resemble each other. The error is widened by their autocorrelation.
    """
    known = list(points)
    if len(known) < FEWEST or len({x for x, _ in known}) == 1:
        return None
    xs, ys = zip(*known, strict=True)
    slope, intercept = linear_regression(xs, ys)
    misses = [y - intercept - slope * x for x, y in known]
    squares = sum(miss**2 for miss in misses)
    middle = mean(xs)
    spread = sum((x - middle) ** 2 for x in xs)
    error = (squares / (len(known) - 2) / spread) ** 0.5
    if squares:
        likeness = sum(a * b for a, b in pairwise(misses)) / squares
        likeness = min(max(likeness, 0), 0.99)
        error *= ((1 + likeness) / (1 - likeness)) ** 0.5
    return Slope(slope, error)
