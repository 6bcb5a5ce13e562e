"""A thread that finds what causes no event: overdue loans, and a late loop.

It is a daemon thread and waits on an event, so it never delays the exit of
the process.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import TYPE_CHECKING, Self

from poolwatch.activity import QUERY, by_pid
from poolwatch.findings import Reporter

if TYPE_CHECKING:
    from poolwatch.activity import Fetch
    from poolwatch.book import Book
    from poolwatch.ledger import Ledger

logger = logging.getLogger("poolwatch")

DATABASE_SECONDS = 1
"""How long the server may take to return pg_stat_activity."""


class Watchdog:
    """Looks at the ledger and at the event loop, every so many seconds.

    Lives as long as its `with` block.
    """

    def __init__(
        self,
        ledger: Ledger,
        overdue_after: float = 30.0,
        interval: float = 0.5,
        loop: asyncio.AbstractEventLoop | None = None,
        fetch: Fetch | None = None,
    ) -> None:
        """Set it up; it begins with the block.

        Args:
            ledger: whose loans to look at.
            overdue_after: seconds after which a loan is overdue.
            interval: seconds between two looks.
            loop: the event loop whose lag to measure, if any.
            fetch: reads pg_stat_activity in that loop while a pool is
                exhausted, over a connection that is none of the watched
                pools': so verdicts and errors know who waits for a lock.

        """
        self._ledger = ledger
        self._overdue_after = overdue_after
        self._interval = interval
        self._loop = loop
        self._fetch = fetch
        self._reading = False
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name="poolwatch", daemon=True
        )
        self._pinged: float | None = None
        self._last_lag = 0.0

    @property
    def lag(self) -> float:
        """Seconds the event loop takes, or took last, to run a callback."""
        pinged = self._pinged
        waiting = time.monotonic() - pinged if pinged is not None else 0.0
        return max(waiting, self._last_lag)

    def look(self) -> None:
        """Mark what has become overdue, and measure the loop.

        Findings that were held back are logged when their minute is over.
        """
        books = list(self._ledger.books.values())
        for book in books:
            for loan in list(book.loans.values()):
                known = loan.leaked or loan.overdue
                if not known and loan.age >= self._overdue_after:
                    book.record_overdue(loan)
        for listener in tuple(self._ledger.listeners):
            if isinstance(listener, Reporter):
                listener.catch_up()
        self._ping()
        self._read_activity([book for book in books if book.full])

    def _read_activity(self, books: list[Book]) -> None:
        loop, fetch = self._loop, self._fetch
        if not books or loop is None or fetch is None or self._reading:
            return

        async def read() -> None:
            pids = [loan.pid for book in books for loan in book.loans.values()]
            try:
                async with asyncio.timeout(DATABASE_SECONDS):
                    seen = by_pid(await fetch(QUERY, [p for p in pids if p]))
                for book in books:
                    book.activity = seen
            except Exception as error:  # noqa: BLE001 - each driver's own
                logger.debug("pg_stat_activity cannot be read: %r", error)
            finally:
                self._reading = False

        self._reading = True
        reading = read()
        try:
            asyncio.run_coroutine_threadsafe(reading, loop)
        except RuntimeError:  # the loop is closed
            reading.close()

    def _ping(self) -> None:
        if self._loop is None or self._pinged is not None:
            return
        self._pinged = time.monotonic()
        try:
            self._loop.call_soon_threadsafe(self._pong)
        except RuntimeError:  # the loop is closed
            self._loop = self._pinged = None

    def _pong(self) -> None:
        if self._pinged is not None:
            self._last_lag = time.monotonic() - self._pinged
            self._pinged = None

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            try:
                self.look()
            except Exception:
                logger.exception("the watchdog has missed a look")

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and wait for the thread."""
        self._stop.set()
        self._thread.join(timeout=2 * self._interval + 1)
