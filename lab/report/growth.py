"""How fast memory grows, and how sure that is: lines by least squares."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import LinearRegression, linear_regression, mean

from lab.report.record import Measured, Record

MIB = 2**20
HOUR = 3600
FEWEST = 5
"""Points; a line through fewer says nothing."""

Point = tuple[float, int | None]


@dataclass(frozen=True, slots=True)
class Slope:
    """A slope and its standard error, in MiB.

    The error takes the points for independent, which memory's are not: what
    is allocated stays for a while. So it is the least that is to be expected.
    """

    value: float
    error: float

    @property
    def is_measurable(self) -> bool:
        """Whether there is more of it than of its error."""
        return abs(self.value) > self.error


@dataclass(frozen=True, slots=True)
class Growth:
    """The memory of both sides; None is what was not measured."""

    client: Slope | None
    """The service's process."""
    server: Slope | None
    """PostgreSQL's backends of it."""


def per_hour(measured: Measured) -> Growth:
    """Carry the growth under load to an hour, at the run's rate."""
    # What comes after the arrivals is the end of those that wait.
    end = len(measured.per_second)
    samples = [sample for sample in measured.samples if sample.at <= end]
    return Growth(
        _slope(((s.at, s.service_bytes) for s in samples), HOUR),
        _slope(((s.at, s.backends_bytes) for s in samples), HOUR),
    )


def per_1000_leaked(record: Record) -> Growth:
    """Carry what one leaked connection costs to a thousand."""
    steps = record.leak_steps
    return Growth(
        _slope(((s.leaked, s.service_bytes) for s in steps), 1000),
        _slope(((s.leaked, s.backends_bytes) for s in steps), 1000),
    )


def _slope(points: Iterable[Point], times: float) -> Slope | None:
    known = [(x, y / MIB) for x, y in points if y is not None]
    if len(known) < FEWEST or len({x for x, _ in known}) == 1:
        return None
    xs, ys = zip(*known, strict=True)
    line: LinearRegression = linear_regression(xs, ys)
    misses = sum((y - line.intercept - line.slope * x) ** 2 for x, y in known)
    middle = mean(xs)
    spread = sum((x - middle) ** 2 for x in xs)
    error = (misses / (len(known) - 2) / spread) ** 0.5
    return Slope(line.slope * times, error * times)
