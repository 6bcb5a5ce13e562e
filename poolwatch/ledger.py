"""The ledger: every open loan of every watched pool.

It holds process ids and stacks, never connections or sessions: a watcher
that kept one would deepen the leak it reports. Reading it borrows nothing,
so it goes on answering when every pool is empty.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from poolwatch.borrower import Borrower, current
from poolwatch.callsite import Site, Stack, capture

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping
    from types import FrameType

logger = logging.getLogger("poolwatch")


@dataclass(slots=True, eq=False)
class Loan:
    """One connection that a pool has lent."""

    pool: str
    pid: int | None
    """Process id of the PostgreSQL backend behind the connection."""
    borrower: Borrower | None
    since: float
    """When it was lent, in seconds of `time.monotonic()`."""
    stack: Stack
    leaked: bool = False

    @property
    def age(self) -> float:
        """Seconds since it was lent."""
        return time.monotonic() - self.since

    @property
    def site(self) -> Site | None:
        """The application's line that borrowed, where there is one."""
        return self.stack.site


class Gauge(Protocol):
    """What a pool can tell of itself at any moment."""

    def size(self) -> int:
        """Connections it keeps when nobody borrows."""
        ...

    def capacity(self) -> int:
        """The most it lends at once."""
        ...

    def lent(self) -> int:
        """Connections lent now."""
        ...

    def idle(self) -> int:
        """Open connections that nobody has borrowed."""
        ...

    def overflow(self) -> int:
        """Open connections beyond the size."""
        ...


class Listener:
    """Told of what happens, as it happens; must not block."""

    def opened(self, book: Book) -> None:
        """A pool is watched from now on."""

    def waited(self, book: Book, seconds: float) -> None:
        """A borrower waited so long, with or without success."""

    def timed_out(self, book: Book) -> None:
        """A borrower went away without a connection."""

    def leaked(self, loan: Loan) -> None:
        """A borrower ended, and its loan is still open."""


@dataclass(slots=True, eq=False)
class Book:
    """One pool's page in the ledger."""

    name: str
    gauge: Gauge
    ledger: Ledger
    loans: dict[int, Loan] = field(default_factory=dict)
    """The open loans, by the identity of the slot that was lent."""
    waiting: int = 0
    """Borrowers that wait for a connection right now."""
    returned: int = 0
    """Loans that came back since the pool is watched."""

    def lend(
        self, slot: int, pid: int | None, beyond: FrameType | None = None
    ) -> None:
        """Write down a loan: called by an adapter when a pool has lent."""
        holder = current.get()
        if holder is not None and holder.ended:
            holder = None
        loan = Loan(self.name, pid, holder, time.monotonic(), capture(beyond))
        self.loans[slot] = loan
        if holder is not None:
            holder.loans.add(loan)

    def give_back(self, slot: int) -> None:
        """Strike a loan off; a slot that is not lent is left alone."""
        loan = self.loans.pop(slot, None)
        if loan is None:
            return
        self.returned += 1
        if loan.borrower is not None:
            loan.borrower.loans.discard(loan)

    def forget_leaks(self) -> None:
        """Strike off what was leaked by a pool that has been replaced."""
        self.loans = {
            slot: loan for slot, loan in self.loans.items() if not loan.leaked
        }

    def waited(self, seconds: float) -> None:
        """Tell the listeners how long a borrower waited."""
        for listener in self.ledger.listeners:
            listener.waited(self, seconds)

    def timed_out(self) -> None:
        """Tell the listeners that a borrower went away empty-handed."""
        for listener in self.ledger.listeners:
            listener.timed_out(self)

    def explain(self, most: int = 3) -> str:
        """Say who holds the pool: `30 of 30 lent: 28 × file:line f, …`."""
        loans = list(self.loans.values())
        holders = Counter((loan.site, loan.leaked) for loan in loans)
        text = f"{self.gauge.lent()} of {self.gauge.capacity()} lent"
        parts = []
        for (site, leaked), count in holders.most_common(most):
            oldest = max(
                loan.age
                for loan in loans
                if (loan.site, loan.leaked) == (site, leaked)
            )
            parts.append(
                f"{count} × {site or 'unknown line'}"
                f"{', leaked' if leaked else ''}, oldest {oldest:.0f} s"
            )
        return f"{text}: {'; '.join(parts)}" if parts else text


class Ledger:
    """The books of one process's pools, and its living borrowers."""

    def __init__(self) -> None:
        """Start empty; `poolwatch.watch` adds a book a pool."""
        self.books: dict[str, Book] = {}
        self.listeners: list[Listener] = []
        self.borrowers = 0
        """Borrowers that have begun and not ended."""
        self.leaks = 0
        """Loans that outlived their borrower, since the process began."""

    def open_book(self, name: str, gauge: Gauge) -> Book:
        """Begin to watch a pool under a name of its own."""
        if name in self.books:
            message = f"a pool named {name!r} is watched already"
            raise ValueError(message)
        book = self.books[name] = Book(name, gauge, self)
        for listener in self.listeners:
            listener.opened(book)
        return book

    def close_book(self, book: Book) -> None:
        """Stop watching a pool that has been closed."""
        del self.books[book.name]

    def loans(self) -> Iterator[Loan]:
        """Every open loan, pool by pool, oldest first."""
        for book in self.books.values():
            yield from list(book.loans.values())

    @contextmanager
    def borrower(
        self, name: str, scope: MutableMapping[str, Any] | None = None
    ) -> Iterator[Borrower]:
        """Make what runs inside a borrower; what it leaves lent is a leak.

        Args:
            name: a job's name, or a request's method.
            scope: a request's ASGI scope, from which its route is read.

        """
        holder = Borrower(name, scope)
        token = current.set(holder)
        self.borrowers += 1
        try:
            yield holder
        finally:
            self.borrowers -= 1
            current.reset(token)
            holder.end()
            for loan in holder.loans:
                self._leak(loan, holder)

    def _leak(self, loan: Loan, holder: Borrower) -> None:
        loan.leaked = True
        self.leaks += 1
        logger.warning(
            "leak: %s ended and left a connection of pool %r lent "
            "(backend %s), borrowed at %s",
            holder.name,
            loan.pool,
            loan.pid,
            loan.site,
        )
        for listener in self.listeners:
            listener.leaked(loan)


default_ledger = Ledger()
"""The ledger that is used where none is given."""
