"""The one error of this package: a wait for a connection timed out.

    TimeoutError
    └── PoolExhausted                   asyncpg's pool raises it as it is
        ├── SQLAlchemyPoolExhausted     also a `sqlalchemy.exc.TimeoutError`
        └── PsycopgPoolExhausted        also a `psycopg_pool.PoolTimeout`

A service that caught the pool's own error before it was watched still does.
Naming the holders in the timeout itself is Vibur DBCP's idea.
"""

from typing import Self

from poolwatch.book import Book
from poolwatch.guard import harmless
from poolwatch.verdict import explain


class PoolExhausted(TimeoutError):
    """No connection came free in time.

    `pool` is the pool's name, and `explanation` its holders at that moment:
    `30 of 30 checked out: 28 × app/orders/before.py:17 list_orders, leaked,
    oldest 43 s; …`.
    """

    pool: str
    explanation: str

    @classmethod
    def of(cls, book: Book) -> Self:
        """Take the explanation now, while the holders still hold."""
        explanation = explain(book)
        # Made of its message alone, which is all that unpickling gives it.
        error = cls(f"pool {book.name!r} exhausted: {explanation}")
        error.pool = book.name
        error.explanation = explanation
        return error


@harmless
def exhausted(book: Book, error: type[PoolExhausted]) -> PoolExhausted | None:
    """Count a timeout; return the error that names the holders.

    None if the pool has a free slot, and so no server behind it: then the
    driver's own error says more.
    """
    book.record_timeout()
    return error.of(book) if book.full else None
