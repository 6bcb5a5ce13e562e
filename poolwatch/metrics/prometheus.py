"""Every watched pool as Prometheus metrics, read when they are scraped.

    from prometheus_client import REGISTRY
    from poolwatch import default_ledger
    from poolwatch.metrics.prometheus import Exporter

    Exporter(default_ledger, REGISTRY)

What they are is in `readings`; here is how Prometheus spells them.
"""

from __future__ import annotations

from contextlib import contextmanager
from itertools import accumulate
from typing import TYPE_CHECKING

from poolwatch.extras import extra
from poolwatch.histogram import BOUNDS
from poolwatch.metrics.readings import (
    CREATE_TIME,
    POOL,
    READINGS,
    USE_TIME,
    WAIT_TIME,
    Durations,
    Reading,
)

with extra("prometheus"):
    from prometheus_client import Gauge
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )
    from prometheus_client.registry import Collector, CollectorRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from poolwatch.ledger import Book, Ledger
    from poolwatch.watchdog import Watchdog

_BUCKETS = [*(str(bound) for bound in BOUNDS), "+Inf"]


@contextmanager
def lag_shown(
    watchdog: Watchdog, registry: CollectorRegistry
) -> Iterator[None]:
    """Show how late the watched event loop is, as long as the block lasts."""
    lag = Gauge(
        "poolwatch_event_loop_lag_seconds",
        "Time the event loop takes, or took last, to come to a call",
        registry=registry,
    )
    lag.set_function(lambda: watchdog.lag)
    try:
        yield
    finally:
        registry.unregister(lag)


class Exporter(Collector):
    """Shows a ledger to a registry."""

    def __init__(self, ledger: Ledger, registry: CollectorRegistry) -> None:
        """Register with Prometheus."""
        self._ledger = ledger
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Read every pool as it is now."""
        books = list(self._ledger.books.values())
        for reading in READINGS:
            yield _values(reading, books)
        for durations in (CREATE_TIME, WAIT_TIME, USE_TIME):
            yield _histograms(durations, books)


def _values(reading: Reading, books: list[Book]) -> Metric:
    counts = reading.kind == "counter"
    kind = CounterMetricFamily if counts else GaugeMetricFamily
    family = kind(
        _spelt(reading.name, reading.unit),
        reading.text,
        labels=[_spelt(label) for label in reading.labels],
    )
    for book in books:
        for labels, value in reading.read(book).items():
            family.add_metric([book.name, *labels], value)
    return family


def _histograms(durations: Durations, books: list[Book]) -> Metric:
    family = HistogramMetricFamily(
        _spelt(durations.name, "s"), durations.text, labels=[_spelt(POOL)]
    )
    for book in books:
        histogram = durations.read(book)
        cumulative = accumulate(histogram.counts.copy())
        buckets = list(zip(_BUCKETS, cumulative, strict=True))
        family.add_metric([book.name], buckets, histogram.sum)
    return family


def _spelt(name: str, unit: str = "") -> str:
    """Spell a name of OpenTelemetry's as Prometheus does."""
    return name.replace(".", "_") + ("_seconds" if unit == "s" else "")
