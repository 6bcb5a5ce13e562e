"""Every watched pool as Prometheus metrics, read when they are scraped.

OpenTelemetry's nine `db.client.connection.*` metrics in their Prometheus
spelling, and what only a ledger knows: open loans and leaks by the line of
code that holds them.
"""

from __future__ import annotations

import math
from collections import Counter
from contextlib import contextmanager
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import Gauge
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector, CollectorRegistry

from poolwatch.book import MOST_LINES, OTHER
from poolwatch.histogram import BOUNDS, Histogram

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from poolwatch.ledger import Book, Ledger
    from poolwatch.watchdog import Watchdog

POOL = "db_client_connection_pool_name"
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
        yield from _pools(books)
        yield from _times(books)
        yield from _loans(books)
        leaks = CounterMetricFamily(
            "poolwatch_leaks",
            "Loans that outlived the request or job they were lent to",
            labels=["pool", "route", "site"],
        )
        for book in books:
            # One is always there: of no series no increase can be told.
            by_line = {("", ""): 0, **book.leaks_by_line}
            for line, count in by_line.items():
                leaks.add_metric([book.name, *line], count)
        yield leaks


def _pools(books: list[Book]) -> Iterator[Metric]:
    count, idle_max, idle_min, most, pending = (
        GaugeMetricFamily(f"db_client_connection_{name}", text, labels=labels)
        for name, text, labels in (
            (
                "count",
                "Open connections by state",
                [POOL, "db_client_connection_state"],
            ),
            ("idle_max", "The most connections that stay open idle", [POOL]),
            ("idle_min", "The fewest connections kept open", [POOL]),
            ("max", "The most connections the pool lends at once", [POOL]),
            (
                "pending_requests",
                "Borrowers that wait for a connection",
                [POOL],
            ),
        )
    )
    timeouts = CounterMetricFamily(
        "db_client_connection_timeouts",
        "Waits for a connection that ended without one",
        labels=[POOL],
    )
    for book in books:
        name, gauge = book.name, book.gauge
        capacity = gauge.capacity()
        count.add_metric([name, "idle"], gauge.idle())
        count.add_metric([name, "used"], gauge.lent())
        idle_max.add_metric([name], gauge.size())
        idle_min.add_metric([name], gauge.minimum())
        most.add_metric([name], math.inf if capacity is None else capacity)
        pending.add_metric([name], book.waiting)
        timeouts.add_metric([name], book.timeouts)
    yield from (count, idle_max, idle_min, most, pending, timeouts)


def _times(books: list[Book]) -> Iterator[Metric]:
    create, wait, use = (
        HistogramMetricFamily(
            f"db_client_connection_{name}_time_seconds", text, labels=[POOL]
        )
        for name, text in (
            ("create", "Time it took to open a new connection"),
            ("wait", "Time it took to get a connection from the pool"),
            ("use", "Time between borrowing a connection and its return"),
        )
    )
    for book in books:
        _add(create, book.name, book.create_time)
        _add(wait, book.name, book.wait_time)
        _add(use, book.name, book.use_time)
    yield from (create, wait, use)


def _add(
    family: HistogramMetricFamily, pool: str, histogram: Histogram
) -> None:
    cumulative = accumulate(histogram.counts.copy())
    buckets = list(zip(_BUCKETS, cumulative, strict=True))
    family.add_metric([pool], buckets, histogram.sum)


def _loans(books: list[Book]) -> Iterator[Metric]:
    loans = GaugeMetricFamily(
        "poolwatch_loans_open",
        "Open loans by route, call site and state: open, overdue or leaked",
        labels=["pool", "route", "site", "state"],
    )
    reclaimed = CounterMetricFamily(
        "poolwatch_reclaimed",
        "Loans that the garbage collector gave back",
        labels=["pool"],
    )
    oldest = GaugeMetricFamily(
        "poolwatch_oldest_loan_seconds",
        "Age of the oldest open loan, 0 where none is open",
        labels=["pool"],
    )
    for book in books:
        open_now = list(book.loans.values())
        groups = Counter((*loan.line, loan.state) for loan in open_now)
        shown = groups.most_common(MOST_LINES)
        for labels, count in shown:
            loans.add_metric([book.name, *labels], count)
        others = groups.total() - sum(count for _, count in shown)
        loans.add_metric([book.name, *OTHER, "any"], others)
        reclaimed.add_metric([book.name], book.reclaimed)
        oldest.add_metric(
            [book.name], max((loan.age for loan in open_now), default=0)
        )
    yield from (loans, reclaimed, oldest)
