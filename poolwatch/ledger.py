"""The ledger: every open loan of every watched pool.

It holds process ids and stacks, never connections or sessions: a watcher
that kept one would deepen the leak it reports. Reading it needs no
connection, so it works while every pool is empty.
"""

from __future__ import annotations

from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Any

from poolwatch.book import Book, Listener
from poolwatch.fork import reset_in_children
from poolwatch.loan import Borrower, Loan, current

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping
    from contextvars import Token

    from poolwatch.gauge import Gauge

__all__ = ["Book", "Ledger", "Listener", "Loan", "default_ledger"]


class Ledger:
    """The books of one process's pools, and its living borrowers."""

    def __init__(self) -> None:
        """Start empty; `poolwatch.watch` adds a book for each pool."""
        self.books: dict[str, Book] = {}
        self.listeners: list[Listener] = []
        self._living: list[None] = []  # grows and shrinks without a lock
        # One for all books: a borrower ends for every pool at once.
        self._lock = RLock()
        reset_in_children(self)

    @property
    def borrowers(self) -> int:
        """Borrowers that have begun and not ended."""
        return len(self._living)

    @property
    def leaks(self) -> int:
        """Loans that outlived their borrower, since their pools opened."""
        return sum(book.leaks for book in list(self.books.values()))

    def open_book(self, name: str, gauge: Gauge) -> Book:
        """Begin to watch a pool; the name of a closed pool is free again.

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

    def reset_after_fork(self) -> None:
        """Forget the open loans: they are the parent's."""
        self._lock = RLock()
        if current.get() is None:  # else it may go on in the child, and end
            self._living.clear()
        for book in self.books.values():
            book.reset_after_fork(self._lock)

    def loans(self) -> Iterator[Loan]:
        """Every open loan, pool by pool, oldest first."""
        for book in list(self.books.values()):
            yield from list(book.loans.values())

    @contextmanager
    def borrower(
        self, name: str, scope: MutableMapping[str, Any] | None = None
    ) -> Iterator[Borrower]:
        """Run a block as a borrower; loans open at its end are leaks.

        Args:
            name: a job's name, or a request's method.
            scope: a request's ASGI scope, from which its route is read.

        """
        borrower = Borrower(name, scope)
        token = self.begin(borrower)
        try:
            yield borrower
        finally:
            self.end(borrower, token)

    def begin(self, borrower: Borrower) -> Token[Borrower | None]:
        """Begin a borrower; returns the token for `end`."""
        self._living.append(None)
        return current.set(borrower)

    def end(self, borrower: Borrower, token: Token[Borrower | None]) -> None:
        """End a borrower; report its loans that are still open."""
        self._living.pop()
        self._lock.acquire()  # by hand: `with` takes twice as long
        try:
            borrower.end()
            # A search where there is something to find, and hardly ever
            # is: a set would weigh more than the loan.
            outlived = (
                [loan for loan in self.loans() if loan.borrower is borrower]
                if borrower.loans
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
                self.books[loan.pool].record_leak(loan)


default_ledger = Ledger()
"""The ledger that is used where none is given."""
