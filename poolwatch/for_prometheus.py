"""Every watched pool as Prometheus metrics.

The names are OpenTelemetry's `db.client.connection.*` in their Prometheus
spelling. What a pool can tell at any moment is read when it is scraped; only
waits, timeouts and leaks are counted as they happen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from poolwatch.ledger import Listener

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from poolwatch.ledger import Book, Ledger, Loan

POOL = "db_client_connection_pool_name"
WAIT_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0),
)
"""Seconds, from a free connection to the usual pool timeout."""


class Exporter(Listener, Collector):
    """Listens to a ledger and shows its books to a registry."""

    def __init__(self, ledger: Ledger, registry: CollectorRegistry) -> None:
        """Register the metrics and begin to listen."""
        self._ledger = ledger
        self._wait = Histogram(
            "db_client_connection_wait_time_seconds",
            "Time it took to obtain a connection from the pool",
            [POOL],
            buckets=WAIT_BUCKETS,
            registry=registry,
        )
        self._timeouts = Counter(
            "db_client_connection_timeouts",
            "Waits for a connection that ended without one",
            [POOL],
            registry=registry,
        )
        self._leaks = Counter(
            "poolwatch_leaks",
            "Loans that outlived the request or job they were lent to",
            ["pool"],
            registry=registry,
        )
        registry.register(self)
        ledger.listeners.append(self)
        for book in ledger.books.values():
            self.opened(book)

    def opened(self, book: Book) -> None:
        """Begin all series at zero: what is absent raises no alert."""
        self._wait.labels(book.name)
        self._timeouts.labels(book.name)
        self._leaks.labels(book.name)

    def waited(self, book: Book, seconds: float) -> None:
        """Observe a wait."""
        self._wait.labels(book.name).observe(seconds)

    def timed_out(self, book: Book) -> None:
        """Count a timeout."""
        self._timeouts.labels(book.name).inc()

    def leaked(self, loan: Loan) -> None:
        """Count a leak."""
        self._leaks.labels(loan.pool).inc()

    def collect(self) -> Iterator[Metric]:
        """Read every pool as it is now."""
        count = GaugeMetricFamily(
            "db_client_connection_count",
            "Open connections by state",
            labels=[POOL, "db_client_connection_state"],
        )
        most = GaugeMetricFamily(
            "db_client_connection_max",
            "The most connections the pool lends at once",
            labels=[POOL],
        )
        pending = GaugeMetricFamily(
            "db_client_connection_pending_requests",
            "Borrowers that wait for a connection",
            labels=[POOL],
        )
        oldest = GaugeMetricFamily(
            "poolwatch_oldest_loan_seconds",
            "Age of the oldest open loan, 0 where none is open",
            labels=["pool"],
        )
        leaked = GaugeMetricFamily(
            "poolwatch_leaked_loans",
            "Open loans whose borrower has ended",
            labels=["pool"],
        )
        for book in self._ledger.books.values():
            loans = list(book.loans.values())
            count.add_metric([book.name, "used"], book.gauge.lent())
            count.add_metric([book.name, "idle"], book.gauge.idle())
            most.add_metric([book.name], book.gauge.capacity())
            pending.add_metric([book.name], book.waiting)
            oldest.add_metric(
                [book.name], max((loan.age for loan in loans), default=0)
            )
            leaked.add_metric([book.name], sum(loan.leaked for loan in loans))
        yield from (count, most, pending, oldest, leaked)
