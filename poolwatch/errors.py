"""The one error of this package: no connection came free in time.

    TimeoutError
    └── PoolExhausted                   every pool; asyncpg raises it as it is
        └── SQLAlchemyPoolExhausted     also a `sqlalchemy.exc.TimeoutError`

A service that caught the pool's own error before it was watched still does.
"""

from poolwatch.ledger import Book


class PoolExhausted(TimeoutError):
    """No connection came free in time; `explanation` names the holders."""

    def __init__(self, book: Book) -> None:
        """Take the explanation now, while the holders still hold."""
        self.pool = book.name
        self.explanation = book.explain()
        super().__init__(f"pool {book.name!r} exhausted: {self.explanation}")
