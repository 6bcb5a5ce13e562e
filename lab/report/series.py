"""What the report shows over the time of the load: a plot for each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lab.report.demo_run import DemoRun, VariantResult
from lab.report.figures import pools
from lab.report.memory import MIB

Points = Sequence[tuple[float, float | None]]
"""Seconds of load, and the figure at that moment; None if unknown."""


@dataclass(frozen=True, slots=True)
class Series:
    """A figure over time; its name is the PNG's."""

    name: str
    title: str
    unit: str
    caption: str
    points: Callable[[VariantResult], Points]
    capacity: Callable[[VariantResult], int] = lambda _: 0
    """The limit to draw; 0 where there is none."""


def series(run: DemoRun) -> Iterator[Series]:
    """List the plots in the order of the page."""
    for pool in pools(run):
        yield _in_use(pool)
    yield Series(
        "waits",
        "Wait for a connection, p95",
        "seconds",
        "Waits that ended since the sample before. The pool's timeout ends a"
        " wait.",
        lambda v: [(s.at, s.pool_wait_p95) for s in v.samples],
    )
    yield Series(
        "errors",
        "Requests failed",
        "requests per second",
        "By the second in which the requests were due.",
        lambda v: [(s.at, s.failed) for s in v.per_second],
    )
    yield Series(
        "latency",
        "Latency from the due time, p95",
        "seconds",
        "By the second in which the requests were due. A failed request"
        " counts with the time it took.",
        lambda v: [(s.at, s.latency_p95) for s in v.per_second],
    )
    yield Series(
        "service-memory",
        "Growth of the service's memory",
        "MiB",
        "Private memory since the first sample. Requests that wait need some,"
        " as leaked connections do.",
        lambda v: [
            (s.at, (s.service_bytes - v.samples[0].service_bytes) / MIB)
            for s in v.samples
        ],
    )
    yield Series(
        "postgresql-memory",
        "Memory of PostgreSQL's backends",
        "MiB",
        "Private memory. Each connection, leaked or not, has a backend"
        " process of its own.",
        lambda v: [
            (s.at, s.postgresql_bytes and s.postgresql_bytes / MIB)
            for s in v.samples
        ],
    )


def _in_use(pool: str) -> Series:
    return Series(
        f"{pool}-pool",
        f"Connections in use, {pool} pool",
        "connections",
        "A leaked connection stays in use. The dotted line is the pool's"
        " capacity. Triangles (before) and diamonds (after) mark full garbage"
        " collections.",
        lambda v: [(s.at, s.in_use.get(pool, 0)) for s in v.samples],
        lambda v: v.capacity.get(pool, 0),
    )
