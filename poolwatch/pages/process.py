"""What one process knows of its own pools, made into pages."""

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from poolwatch import activity
from poolwatch.activity import Activity
from poolwatch.call_site import sites
from poolwatch.findings import Reporter, default_reporter
from poolwatch.ledger import Book, Ledger, Loan, default_ledger
from poolwatch.loan import current
from poolwatch.pages import models as report
from poolwatch.verdict import CURES, diagnose, explain
from poolwatch.watchdog import Watchdog

Fetch = Callable[..., Awaitable[Iterable[Any]]]
"""`await fetch(query, *args)` answers rows that are read by column name."""

DATABASE_SECONDS = 1
"""How long the server may take to tell of its connections."""


def _default_registry() -> bytes:
    import prometheus_client  # noqa: PLC0415 - only metrics need it

    return prometheus_client.generate_latest()


async def _no_metrics() -> bytes:
    return b""


@dataclass(frozen=True, slots=True)
class ThisProcess:
    """The ledger of this process and what belongs to it, ready to be asked.

    Args:
        ledger: whose loans to show.
        reporter: whose findings to show.
        watchdog: knows how late the event loop is.
        fetch: reads pg_stat_activity, over a connection that is none of the
            watched pools': those may be exhausted.
        exposition: this process's metrics in Prometheus' text format: those
            of prometheus_client's default registry, or of another one with
            `partial(generate_latest, registry)`.
        server_metrics: the database server's, in the same format. They are
            no process's own, so with several workers they are shown once.
        replica: which copy of the service this is, where there are several:
            process ids are not enough to tell containers apart.

    """

    ledger: Ledger = default_ledger
    reporter: Reporter = default_reporter
    watchdog: Watchdog | None = None
    fetch: Fetch | None = None
    exposition: Callable[[], bytes] = _default_registry
    server_metrics: Callable[[], Awaitable[bytes]] = _no_metrics
    replica: str | None = None

    async def loans(self) -> report.Loans:
        """Show each open loan beside what the server says of it."""
        # Both of one moment: requests end while the server is asked.
        loans = list(self.ledger.loans())
        borrowers = self.ledger.borrowers - (current.get() is not None)
        seen, note = await self._activity(loans)
        lag = self.watchdog.lag if self.watchdog else 0.0
        return report.Loans(
            processes=[
                report.Process(
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

    async def leaks(self) -> report.Leaks:
        """Show the lines that leak, and the findings remembered."""
        process = os.getpid()
        leaking = Counter(
            {
                (book.name, *line): leaks
                for book in list(self.ledger.books.values())
                for line, leaks in book.leaks_by_line.copy().items()
            }
        )
        return report.Leaks(
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
                report.Found(process=process, finding=finding)
                for finding in reversed(self.reporter.recent.copy())
            ],
        )

    async def metrics(self) -> bytes:
        """Show all metrics of this process, and the server's."""
        return self.exposition() + await self.server_metrics()

    async def _activity(
        self, loans: list[Loan]
    ) -> tuple[Mapping[int, Activity], str | None]:
        """Ask the server, or say in a word why that could not be done."""
        if self.fetch is None:
            return {}, "pg_stat_activity is not read: nobody gave a `fetch`"
        books = list(self.ledger.books.values())
        if books and not any(book.knows_backends for book in books):
            return {}, "pg_stat_activity is not read: a pooler hides backends"
        pids = [loan.pid for loan in loans if loan.pid is not None]
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                rows = await self.fetch(activity.QUERY, pids)
        except Exception as error:  # noqa: BLE001 - each driver has its own
            why = type(error).__name__
            return {}, f"pg_stat_activity cannot be read: {why}"
        return activity.by_pid(rows), None


def _pool(book: Book, lag: float, seen: Mapping[int, Activity]) -> report.Pool:
    ages = [loan.age for loan in list(book.loans.values())]
    verdict = diagnose(book, lag, seen)
    return report.Pool(
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


def _open_loan(loan: Loan, seen: Mapping[int, Activity]) -> report.OpenLoan:
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
        activity=seen.get(loan.pid) if loan.pid is not None else None,
    )
