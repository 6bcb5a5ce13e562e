"""What the report shows over the time of the load: a plot for each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.report.growth import MIB
from lab.report.record import Measured

Points = Sequence[tuple[float, float | None]]
"""Seconds of load, and the figure then; None where it is not known."""


@dataclass(frozen=True, slots=True)
class Series:
    """A figure over time; its name is the PNG's."""

    name: str
    title: str
    unit: str
    caption: str
    points: Callable[[Measured], Points]
    limit: Callable[[Measured], float] | None = None
    """What it cannot exceed."""
    marks_collections: bool = False
    """Whether the collector's full runs explain it."""


def _backends(measured: Measured) -> Points:
    return [
        (s.at, None if s.backends_bytes is None else s.backends_bytes / MIB)
        for s in measured.samples
    ]


SERIES = (
    Series(
        "loans",
        "Connections lent",
        "connections",
        "A leaked connection stays lent. The dotted line across is what both"
        " pools have. Triangles (before) and diamonds (after) are full runs"
        " of the garbage collector, which give leaked sessions back, and"
        " nothing of asyncpg's pool.",
        lambda m: [(s.at, s.lent) for s in m.samples],
        limit=lambda m: m.pool_capacity,
        marks_collections=True,
    ),
    Series(
        "waits",
        "Wait for a connection, p95",
        "seconds",
        "Of the waits that ended since the sample before. A wait ends at the"
        " pool's timeout at the latest.",
        lambda m: [(s.at, s.pool_wait_p95) for s in m.samples],
    ),
    Series(
        "errors",
        "Requests failed",
        "requests per second",
        "By the second in which they were meant to be sent.",
        lambda m: [(s.at, s.failed) for s in m.per_second],
    ),
    Series(
        "latency",
        "Latency from the intended start, p95",
        "seconds",
        "By the second in which requests were meant to be sent. A failure"
        " counts with the time it took.",
        lambda m: [(s.at, s.latency_p95) for s in m.per_second],
    ),
    Series(
        "service-memory",
        "Growth of the service's memory",
        "MiB",
        "Private memory, since the first sample. Waiting requests take some,"
        " as leaked connections do. Marks as above.",
        lambda m: [
            (s.at, (s.service_bytes - m.samples[0].service_bytes) / MIB)
            for s in m.samples
        ],
        marks_collections=True,
    ),
    Series(
        "server-memory",
        "Memory of PostgreSQL's backends",
        "MiB",
        "Private memory. Each connection, leaked or not, has a backend"
        " process of its own.",
        _backends,
    ),
)
