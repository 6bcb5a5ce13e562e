"""The ledger: every open loan of every watched pool.

It holds process ids and stacks, never connections or sessions: a watcher
that kept one would deepen the leak it reports. Reading it borrows nothing,
so it goes on answering when every pool is empty.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, Protocol

from poolwatch.borrower import Borrower, current
from poolwatch.callsite import Site, Stack, capture, current_frame, site
from poolwatch.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping
    from types import FrameType

Ending = Literal["returned", "reclaimed", "detached", "terminated"]
"""How a loan ended: given back, by the garbage collector, taken out of its
pool for good, or because the server or the pool closed the connection."""


class Loan:
    """One connection that a pool has lent.

    `pid` is the PostgreSQL backend behind it; `since` is in seconds of
    `time.monotonic()`; `borrower` is None where nobody has named himself.
    """

    __slots__ = (
        "borrower",
        "leaked",
        "overdue",
        "pid",
        "pool",
        "since",
        "stack",
    )

    def __init__(
        self,
        pool: str,
        pid: int | None,
        borrower: Borrower | None,
        stack: Stack,
    ) -> None:
        """Begin now."""
        self.pool = pool
        self.pid = pid
        self.borrower = borrower
        self.since = time.monotonic()
        self.stack = stack
        self.leaked = False
        self.overdue = False

    @property
    def age(self) -> float:
        """Seconds since it was lent."""
        return time.monotonic() - self.since

    @property
    def site(self) -> Site | None:
        """The application's line that borrowed, where there is one."""
        return site(self.stack)


class Gauge(Protocol):
    """What a pool can tell of itself at any moment."""

    def size(self) -> int:
        """The most connections it keeps when nobody borrows."""
        ...

    def minimum(self) -> int:
        """The fewest connections it keeps when nobody borrows."""
        ...

    def capacity(self) -> int | None:
        """The most it lends at once; None where there is no limit."""
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
    """Told of what happens, as it happens; must not block.

    A base class whose methods do nothing: override those of interest.
    """

    def opened(self, book: Book) -> None:
        """A pool is watched from now on."""

    def waited(self, book: Book, seconds: float) -> None:
        """A borrower waited so long, with or without success."""

    def timed_out(self, book: Book) -> None:
        """A borrower went away without a connection."""

    def connected(self, book: Book, seconds: float) -> None:
        """A new connection to the server took so long."""

    def leaked(self, loan: Loan) -> None:
        """A borrower ended, and its loan is still open."""

    def overdue(self, loan: Loan) -> None:
        """A loan is open for long, and its borrower lives."""

    def ended(self, loan: Loan, how: Ending) -> None:
        """A loan has ended."""


class Book:
    """One pool's page in the ledger.

    Safe with threads, and with the garbage collector, which may end a loan
    in the middle of anything: the lock is one that its holder may take again.
    """

    def __init__(self, name: str, gauge: Gauge, ledger: Ledger) -> None:
        """Begin with nothing lent."""
        self.name = name
        self.gauge = gauge
        self.loans: dict[int, Loan] = {}
        self.waiting = 0
        self.timeouts = 0
        self.returned = 0
        self.leaks = 0
        self.reclaimed = 0
        self.wait_time = Histogram()
        self.use_time = Histogram()
        self.create_time = Histogram()
        self._listeners = ledger.listeners
        self._lock = RLock()

    @property
    def full(self) -> bool:
        """Whether all that the pool may lend is lent."""
        capacity = self.gauge.capacity()
        return capacity is not None and self.gauge.lent() >= capacity

    def ask(self) -> float:
        """A borrower begins to wait: the moment, for `answer`."""
        with self._lock:
            self.waiting += 1
        return time.monotonic()

    def answer(self, asked: float) -> None:
        """A borrower waits no more, with a connection or without."""
        waited = time.monotonic() - asked
        with self._lock:
            self.waiting -= 1
            self.wait_time.observe(waited)
        for listener in self._listeners:
            listener.waited(self, waited)

    def lend(
        self, slot: int, pid: int | None, beyond: FrameType | None = None
    ) -> None:
        """Write down a loan: called by an adapter when a pool has lent.

        Args:
            slot: what identifies the loan until it is given back.
            pid: the backend behind the connection.
            beyond: see `callsite.capture`.

        """
        holder = current.get()
        if holder is not None and holder.ended:
            holder = None
        stack = capture(current_frame(), beyond)
        loan = Loan(self.name, pid, holder, stack)
        with self._lock:
            self.loans[slot] = loan
            if holder is not None:
                holder.loans.add(loan)

    def give_back(self, slot: int, how: Ending = "returned") -> None:
        """Strike a loan off; a slot that is not lent is left alone."""
        with self._lock:
            loan = self.loans.pop(slot, None)
            if loan is None:
                return
            self.returned += 1
            self.reclaimed += how == "reclaimed"
            self.use_time.observe(loan.age)
            if loan.borrower is not None:
                loan.borrower.loans.discard(loan)
        for listener in self._listeners:
            listener.ended(loan, how)

    def connected(self, seconds: float) -> None:
        """Write down how long a new connection took."""
        with self._lock:
            self.create_time.observe(seconds)
        for listener in self._listeners:
            listener.connected(self, seconds)

    def timed_out(self) -> None:
        """Count a borrower that went away empty-handed."""
        with self._lock:
            self.timeouts += 1
        for listener in self._listeners:
            listener.timed_out(self)

    def leak(self, loan: Loan) -> None:
        """Mark a loan that has outlived its borrower."""
        with self._lock:
            loan.leaked = True
            self.leaks += 1
        for listener in self._listeners:
            listener.leaked(loan)

    def overdue(self, loan: Loan) -> None:
        """Mark a loan that is open for long."""
        loan.overdue = True
        for listener in self._listeners:
            listener.overdue(loan)

    def forget_leaks(self) -> None:
        """Strike off what was leaked by a pool that has been replaced."""
        with self._lock:
            for slot, loan in self.loans.copy().items():
                if loan.leaked:
                    self.give_back(slot, "terminated")


class Ledger:
    """The books of one process's pools, and its living borrowers."""

    def __init__(self) -> None:
        """Start empty; `poolwatch.watch` adds a book a pool."""
        self.books: dict[str, Book] = {}
        self.listeners: list[Listener] = []
        self.borrowers = 0
        """Borrowers that have begun and not ended."""
        self._lock = RLock()

    @property
    def leaks(self) -> int:
        """Loans that outlived their borrower, since their pools opened."""
        return sum(book.leaks for book in self.books.values())

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
        for book in list(self.books.values()):
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
        with self._lock:
            self.borrowers += 1
        try:
            yield holder
        finally:
            with self._lock:
                self.borrowers -= 1
            current.reset(token)
            holder.end()
            for loan in tuple(holder.loans):
                self.books[loan.pool].leak(loan)


default_ledger = Ledger()
"""The ledger that is used where none is given."""
