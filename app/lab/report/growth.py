"""How fast memory grows, and how sure that is: least squares over samples.

A request that waits takes memory, too. So the service's memory is explained
by two things at once, leaked connections and waiting requests, and only the
first is the leak's. A leaked connection keeps a backend of the server, so the
server's is explained by their number.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.lab.report.record import Measured, Sample

MIB = 2**20
HOUR = 3600


@dataclass(frozen=True, slots=True)
class Slope:
    """A slope and its standard error.

    The error takes the samples for independent, which memory's are not: what
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
    """One side's memory, in MiB; None is what this run cannot tell."""

    side: str
    per_1000_leaked: Slope | None
    per_hour: Slope | None
    """At the run's rate, while requests arrived."""


def growth(measured: Measured) -> tuple[Growth, Growth]:
    """Tell the client's growth and the server's apart."""
    samples = measured.samples
    # What comes after is the end of those that wait, and no growth.
    arrivals_end = len(measured.per_second)
    loaded = [sample for sample in samples if sample.at <= arrivals_end]
    read = [s for s in samples if s.backends_bytes is not None]
    loaded_read = [s for s in loaded if s.backends_bytes is not None]
    client = Growth(
        "the service's process",
        _slope(
            [s.service_bytes for s in samples],
            [s.leaked for s in samples],
            [s.waiting for s in samples],
            unit=1000 / MIB,
        )
        if measured.leaked
        else None,
        _slope(
            [s.service_bytes for s in loaded],
            _times(loaded),
            unit=HOUR / MIB,
        ),
    )
    server = Growth(
        "PostgreSQL's backends",
        _slope(
            [s.backends_bytes or 0 for s in read],
            [s.backends for s in read],
            unit=1000 / MIB,
        )
        if measured.leaked
        else None,
        _slope(
            [s.backends_bytes or 0 for s in loaded_read],
            _times(loaded_read),
            unit=HOUR / MIB,
        ),
    )
    return client, server


def _times(samples: Sequence[Sample]) -> list[float]:
    return [sample.at for sample in samples]


def _slope(
    values: Sequence[float], *explained_by: Sequence[float], unit: float
) -> Slope | None:
    """Fit a plane, and answer its slope along the first axis.

    None where there are too few samples, or one that explains never changes.
    """
    y = np.array(values, dtype=float)
    x = np.column_stack([np.ones(len(y)), *explained_by])
    spare = len(y) - x.shape[1]
    if spare < 1 or np.linalg.matrix_rank(x) < x.shape[1]:
        return None
    inverse = np.linalg.inv(x.T @ x)
    slopes = inverse @ x.T @ y
    variance = float(((y - x @ slopes) ** 2).sum()) / spare
    return Slope(
        float(slopes[1]) * unit, float(variance * inverse[1, 1]) ** 0.5 * unit
    )
