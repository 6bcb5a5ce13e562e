"""A thread that sees what no event tells: overdue loans, and a late loop.

It is a daemon thread and waits on an event, so it never holds the process up.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Self

from poolwatch.findings import Reporter

if TYPE_CHECKING:
    from poolwatch.ledger import Ledger


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
    ) -> None:
        """Set it up; it begins with the block.

        Args:
            ledger: whose loans to look at.
            overdue_after: seconds after which a loan is overdue.
            interval: seconds between two looks.
            loop: the event loop whose lag to measure, if any.

        """
        self._ledger = ledger
        self._overdue_after = overdue_after
        self._interval = interval
        self._loop = loop
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name="poolwatch", daemon=True
        )
        self._pinged: float | None = None
        self._last_lag = 0.0

    @property
    def lag(self) -> float:
        """Seconds the event loop takes, or took last, to come to a call."""
        pinged = self._pinged
        waiting = time.monotonic() - pinged if pinged is not None else 0.0
        return max(waiting, self._last_lag)

    def look(self) -> None:
        """Mark what has become overdue, and ask the loop for an answer.

        What the log has held back is logged where its time has come.
        """
        for book in list(self._ledger.books.values()):
            for loan in list(book.loans.values()):
                known = loan.leaked or loan.overdue
                if not known and loan.age >= self._overdue_after:
                    book.record_overdue(loan)
        for listener in tuple(self._ledger.listeners):
            if isinstance(listener, Reporter):
                listener.catch_up()
        self._ping()

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
            self.look()

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and wait for the thread."""
        self._stop.set()
        self._thread.join(timeout=2 * self._interval + 1)
