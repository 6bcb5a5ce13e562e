"""The pages of one process: its ledger, findings and metrics."""

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from poolwatch import activity
from poolwatch.activity import Activity, Fetch
from poolwatch.call_site import sites
from poolwatch.findings import Reporter, default_reporter
from poolwatch.ledger import Book, Ledger, Loan, default_ledger
from poolwatch.loan import current
from poolwatch.pages import models as report
from poolwatch.verdict import CURES, diagnose, explain
from poolwatch.watchdog import Watchdog

DATABASE_SECONDS = 1
"""Time that the server has for the rows of pg_stat_activity."""


def _default_registry() -> bytes:
    import prometheus_client  # noqa: PLC0415 - only metrics need it

    return prometheus_client.generate_latest()


async def _no_metrics() -> bytes:
    return b""


@dataclass(frozen=True, slots=True)
class ThisProcess:
    """The pages of this process.

    Args:
        ledger: has the loans to show.
        reporter: has the findings to show.
        watchdog: measures how late the event loop is.
        fetch: reads pg_stat_activity, over a connection of its own: the
            watched pools may be exhausted.
        exposition: returns this process's metrics in Prometheus' text
            format; by default those of prometheus_client's default registry.
        server_metrics: returns the database server's metrics in the same
            format. Several workers show them once.
        replica: the name of this copy of the service, where there are
            several: two containers can have equal process ids.

    """

    ledger: Ledger = default_ledger
    reporter: Reporter = default_reporter
    watchdog: Watchdog | None = None
    fetch: Fetch | None = None
    exposition: Callable[[], bytes] = _default_registry
    server_metrics: Callable[[], Awaitable[bytes]] = _no_metrics
    replica: str | None = None

    async def loans(self) -> report.LoansPage:
        """Show each open loan beside what the server says of it."""
        # Both at once: requests end while the server is queried.
        loans = list(self.ledger.loans())
        borrowers = self.ledger.borrowers - (current.get() is not None)
        seen, note = await self._activity(loans)
        lag = self.watchdog.lag if self.watchdog else 0.0
        return report.LoansPage(
            processes=[
                report.ProcessStatus(
                    process=os.getpid(),
                    borrowers=borrowers,
                    lag_seconds=lag,
                    replica=self.replica,
                    note=note,
                )
            ],
            pools=[
                _pool(book, lag, seen)
                for book in list(self.ledger.books.values())
            ],
            loans=[_open_loan(loan, seen) for loan in loans],
        )

    async def leaks(self) -> report.LeaksPage:
        """Show the lines that leak, and the latest findings."""
        process = os.getpid()
        leaking = Counter(
            {
                (book.name, *line): leaks
                for book in list(self.ledger.books.values())
                for line, leaks in book.leaks_by_line.copy().items()
            }
        )
        return report.LeaksPage(
            sites=[
                report.LeakSite(
                    process=process,
                    pool=pool,
                    borrower=borrower or None,
                    site=site or None,
                    leaks=leaks,
                )
                for (pool, borrower, site), leaks in leaking.most_common()
            ],
            findings=[
                report.ProcessFinding(process=process, finding=finding)
                for finding in reversed(self.reporter.recent.copy())
            ],
        )

    async def metrics(self) -> bytes:
        """Show the metrics of this process and of the server."""
        return self.exposition() + await self.server_metrics()

    async def _activity(
        self, loans: list[Loan]
    ) -> tuple[Mapping[int, Activity] | None, str | None]:
        """Query the server, or say why that is not possible."""
        if self.fetch is None:
            return None, "pg_stat_activity is not read: no `fetch` was given"
        books = list(self.ledger.books.values())
        if books and not any(book.knows_backends for book in books):
            return (
                None,
                "pg_stat_activity is not read: a pooler hides backends",
            )
        pids = [loan.pid for loan in loans if loan.pid is not None]
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                rows = await self.fetch(activity.QUERY, pids)
        except Exception as error:  # noqa: BLE001 - each driver has its own
            why = type(error).__name__
            return None, f"pg_stat_activity cannot be read: {why}"
        return activity.by_pid(rows), None


def _pool(
    book: Book, lag: float, seen: Mapping[int, Activity] | None
) -> report.PoolStatus:
    ages = [loan.age for loan in list(book.loans.values())]
    verdict = diagnose(book, lag, seen)
    return report.PoolStatus(
        process=os.getpid(),
        name=book.name,
        lent=book.gauge.checked_out(),
        idle=book.gauge.idle(),
        waiting=book.waiting,
        capacity=book.gauge.capacity(),
        oldest_seconds=max(ages, default=0),
        timeouts=book.timeouts,
        leaks=book.leaks,
        garbage_collected=book.garbage_collected,
        holders=explain(book),
        verdict=verdict
        and report.Diagnosis(
            cause=verdict.cause,
            because=verdict.because,
            cure=CURES[verdict.cause],
        ),
    )


def _open_loan(
    loan: Loan, seen: Mapping[int, Activity] | None
) -> report.OpenLoan:
    borrower = loan.borrower
    stack = [str(site) for site in sites(loan.stack)]
    return report.OpenLoan(
        process=os.getpid(),
        pool=loan.pool,
        pid=loan.pid,
        state=loan.state,
        age_seconds=loan.age,
        borrower=borrower.name if borrower else None,
        route=borrower.route if borrower else None,
        request_id=borrower.request_id if borrower else None,
        traceparent=borrower.traceparent if borrower else None,
        site=stack[0] if stack else None,
        stack=stack,
        intended=loan.intended,
        activity=(seen or {}).get(loan.pid) if loan.pid is not None else None,
    )
