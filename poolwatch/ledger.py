"""The ledger: every open loan of every watched pool.

It holds process ids and stacks, never connections or sessions: a watcher
that kept one would deepen the leak it reports. Reading it borrows nothing,
so it goes on answering when every pool is empty.
"""

from __future__ import annotations

from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Any

from poolwatch.book import Book
from poolwatch.borrower import Borrower, current
from poolwatch.fork import begin_anew_in_children
from poolwatch.gauge import Gauge
from poolwatch.listener import Listener
from poolwatch.loan import Ending, Loan

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping
    from contextvars import Token

__all__ = [
    "Book",
    "Ending",
    "Gauge",
    "Ledger",
    "Listener",
    "Loan",
    "default_ledger",
]


class Ledger:
    """The books of one process's pools, and its living borrowers."""

    def __init__(self) -> None:
        """Start empty; `poolwatch.watch` adds a book a pool."""
        self.books: dict[str, Book] = {}
        self.listeners: list[Listener] = []
        self._living: list[None] = []  # grows and shrinks without a lock
        # One for all books: a borrower ends for every pool at once.
        self._lock = RLock()
        begin_anew_in_children(self)

    @property
    def borrowers(self) -> int:
        """Borrowers that have begun and not ended."""
        return len(self._living)

    @property
    def leaks(self) -> int:
        """Loans that outlived their borrower, since their pools opened."""
        return sum(book.leaks for book in list(self.books.values()))

    def open_book(self, name: str, gauge: Gauge) -> Book:
        """Begin to watch a pool under a name of its own, or a closed one's.

        Raises:
            ValueError: a pool of that name is watched already.

        """
        before = self.books.get(name)
        if before is not None:
            if not before.gauge.closed():
                message = f"a pool named {name!r} is watched already"
                raise ValueError(message)
            self.close_book(before)
        book = Book(name, gauge, self.listeners, self._lock)
        self.books[name] = book
        for listener in tuple(self.listeners):
            listener.opened(book)
        return book

    def close_book(self, book: Book) -> None:
        """Stop watching a pool that has been closed."""
        if self.books.get(book.name) is book:  # else it has been replaced
            del self.books[book.name]

    def begin_anew(self) -> None:
        """Forget what is lent, in the child of a fork: it is the parent's."""
        self._lock = RLock()
        if current.get() is None:  # else it may go on in the child, and end
            self._living.clear()
        for book in self.books.values():
            book.begin_anew(self._lock)

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
        token = self.begin(holder)
        try:
            yield holder
        finally:
            self.end(holder, token)

    def begin(self, holder: Borrower) -> Token[Borrower | None]:
        """Lend to this one from now on, until `end` is told of the token."""
        self._living.append(None)
        return current.set(holder)

    def end(self, holder: Borrower, token: Token[Borrower | None]) -> None:
        """Lend to whoever was before; report what this one leaves lent."""
        self._living.pop()
        self._lock.acquire()  # by hand: `with` takes twice as long
        try:
            holder.end()
            # A search where there is something to find, and hardly ever
            # is: a set would weigh more than the loan.
            outlived = (
                [loan for loan in self.loans() if loan.borrower is holder]
                if holder.loans
                else ()
            )
        finally:
            self._lock.release()
        try:  # noqa: SIM105 - `suppress` takes as long as all the rest
            current.reset(token)
        except ValueError:
            pass  # a generator that ends elsewhere
        for loan in outlived:
            if loan.pool in self.books:
                self.books[loan.pool].leak(loan)


default_ledger = Ledger()
"""The ledger that is used where none is given."""
