"""The ledger: every open loan of every watched pool.

It holds process ids and stacks, never connections or sessions: a watcher
that kept one would deepen the leak it reports. Reading it needs no
connection, so it works while every pool is empty.
"""

from __future__ import annotations

from functools import wraps
from inspect import (
    isasyncgenfunction,
    iscoroutinefunction,
    isgeneratorfunction,
)
from threading import RLock
from typing import TYPE_CHECKING, Any

from poolwatch.book import Book, Listener
from poolwatch.fork import reset_in_children
from poolwatch.guard import harmless
from poolwatch.loan import Borrower, Loan, TaskRef, current

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from poolwatch.gauge import Gauge

__all__ = ["Book", "Ledger", "Listener", "Loan", "default_ledger"]


class Ledger:
    """The books of one process's pools, and its living borrowers."""

    def __init__(self) -> None:
        """Start empty; `poolwatch.watch` adds a book for each pool."""
        self.books: dict[str, Book] = {}
        self.faults: dict[str, str] = {}
        """The causes of poolwatch's own faults, by what is not done."""
        self.listeners: list[Listener] = []
        self._living: list[None] = []  # grows and shrinks without a lock
        # One for all books: a borrower ends for every pool at once.
        self._lock = RLock()
        reset_in_children(self)

    def __str__(self) -> str:
        """Name the ledger in a log record about a fault of poolwatch."""
        return "requests and jobs"

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
        for book in list(self.books.values()):
            if book.gauge.closed() and (book.name == name or not book.loans):
                self.close_book(book)
        if name in self.books:
            message = (
                f"a pool named {name!r} is watched already: give this one"
                " another name, or close the first"
            )
            raise ValueError(message)
        book = Book(name, gauge, self.listeners, self._lock, self._outlive)
        self.books[name] = book
        for listener in tuple(self.listeners):
            listener.opened(book)
        return book

    def book_of(self, pool: object) -> Book | None:
        """Find the book of a pool that is watched already."""
        for book in list(self.books.values()):
            if book.gauge.watches(pool):
                return book
        return None

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

    def borrower(
        self, name: str, scope: MutableMapping[str, Any] | None = None
    ) -> BorrowerBlock:
        """Run a block, or a decorated function, as a borrower.

        Loans that are open at its end are leaks. Where it runs inside another
        borrower, they are that one's from then on.

        Args:
            name: a job's name, or a request's method.
            scope: a request's ASGI scope, from which its route is read.

        """
        return BorrowerBlock(self, name, scope)

    @harmless
    def begin(
        self, name: str, scope: MutableMapping[str, Any] | None = None
    ) -> Borrower:
        """Begin a borrower, which `end` takes."""
        borrower = Borrower(name, scope)
        self._living.append(None)
        borrower.token = current.set(borrower)
        return borrower

    @harmless
    def end(self, borrower: Borrower | None) -> None:
        """End a borrower; report its loans that are still open."""
        if borrower is None or borrower.token is None:  # `begin` has failed
            return
        self._living.pop()
        try:  # noqa: SIM105 - `suppress` takes as long as all the rest
            current.reset(borrower.token)
        except ValueError:
            pass  # a generator that ends elsewhere
        self._close(borrower)

    def _close(self, borrower: Borrower) -> None:
        self._lock.acquire()  # by hand: `with` takes twice as long
        try:
            if not borrower.loans:
                borrower.end()
                return
            outer, own_task = borrower.living_outer(), borrower.task
            borrower.end()
            # A search where there is something to find, and hardly ever
            # is: a set would weigh more than the loan.
            outlived = [
                loan for loan in self.loans() if loan.borrower is borrower
            ]
            outlived = self._leave_to_tasks(borrower, own_task, outlived)
            if outer is not None:
                for loan in outlived:
                    loan.borrower = outer
                outer.loans += len(outlived)
                return
        finally:
            self._lock.release()
        for loan in outlived:
            if loan.pool in self.books:
                self.books[loan.pool].record_leak(loan)

    _end_task = harmless(_close)

    def _leave_to_tasks(
        self, ended: Borrower, own: TaskRef | None, loans: list[Loan]
    ) -> list[Loan]:
        """Leave its loan to each other task that still runs; return the rest.

        A task that took a connection for itself may return it yet.
        """
        successors: dict[TaskRef, Borrower] = {}
        rest = []
        for loan in loans:
            task = loan.task() if loan.task not in {None, own} else None
            if loan.task is None or task is None or task.done():
                rest.append(loan)
                continue
            if loan.task not in successors:
                successors[loan.task] = self._outlive(ended, loan.task)
            loan.borrower = successors[loan.task]
            loan.borrower.loans += 1
            ended.loans -= 1
        return rest

    def _outlive(self, ended: Borrower, task: TaskRef | None) -> Borrower:
        """Make a separate borrower of a task that outlives its request."""
        successor = ended.successor(task)
        running = task() if task is not None else None
        if running is not None:
            running.get_loop().call_soon_threadsafe(
                running.add_done_callback, lambda _: self._end_task(successor)
            )
        return successor


class BorrowerBlock:
    """A `with` block, or a decorated function, that is a borrower."""

    __slots__ = ("_borrower", "_ledger", "_name", "_scope")

    def __init__(
        self,
        ledger: Ledger,
        name: str,
        scope: MutableMapping[str, Any] | None,
    ) -> None:
        """Wait for the block."""
        self._ledger = ledger
        self._name = name
        self._scope = scope
        self._borrower: Borrower | None = None

    def __enter__(self) -> Borrower | None:
        """Begin the borrower."""
        self._borrower = self._ledger.begin(self._name, self._scope)
        return self._borrower

    def __exit__(self, *_: object) -> None:
        """End the borrower."""
        self._ledger.end(self._borrower)

    def __call__(self, function: Any) -> Any:  # noqa: ANN401
        """Make each call of a function, or coroutine function, a borrower.

        Raises:
            TypeError: it is a generator function, whose borrower would be
                that of its consumer between two items.

        """
        ledger, name, scope = self._ledger, self._name, self._scope
        if isgeneratorfunction(function) or isasyncgenfunction(function):
            message = (
                f"poolwatch.borrower cannot decorate {function.__qualname__},"
                " a generator function: decorate the function that consumes"
                f" it, or write `with poolwatch.borrower({name!r}):` there"
            )
            raise TypeError(message)
        if not iscoroutinefunction(function):

            @wraps(function)
            def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
                with ledger.borrower(name, scope):
                    return function(*args, **kwargs)

            return call

        @wraps(function)
        async def call_async(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            with ledger.borrower(name, scope):
                return await function(*args, **kwargs)

        return call_async


default_ledger = Ledger()
"""The ledger that is used where none is given."""
