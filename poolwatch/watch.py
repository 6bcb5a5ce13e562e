"""One call for every kind of pool."""

from __future__ import annotations

import logging
from typing import Any

from poolwatch.ledger import Book, Ledger, default_ledger
from poolwatch.pools import (
    UnsupportedError,
    adapter_of,
    package_of,
    unwrap,
    version_of,
)
from poolwatch.pools.ledger_gauge import UncountedGauge

logger = logging.getLogger("poolwatch")


class UnwatchedGauge(UncountedGauge):
    """The gauge of a pool that cannot be watched; its name stays free."""

    def closed(self) -> bool:
        """Another pool may have its name."""
        return True


def watch(
    pool: Any,  # noqa: ANN401 - a pool of any of the drivers
    name: str = "default",
    ledger: Ledger = default_ledger,
) -> Book:
    """Record each loan of a pool in the ledger.

    To watch a pool twice by one name is the same as to watch it once. A pool
    of an unsupported version is not watched: a warning says so, and the book
    stays empty.

    Args:
        pool: a SQLAlchemy `Engine` or `AsyncEngine`, an open asyncpg or
            psycopg pool, or the module `asyncpg` for its bare `connect`.
        name: what the pool is called in reports and metrics.
        ledger: where to record; the process's own by default.

    Raises:
        TypeError: this kind of pool is not known, or it is not open yet.
        ValueError: the ledger has another pool of that name, or this pool by
            another name.

    """
    pool = unwrap(pool)
    book = ledger.book_of(pool)
    if book is not None:
        if book.name == name:
            return book
        message = f"this pool is watched already, as {book.name!r}"
        raise ValueError(message)
    package = package_of(pool)
    if package is not None:
        try:
            adapter = adapter_of(package)
            if adapter.knows(pool):
                watched: Book = adapter.watch(pool, name, ledger)
                return watched
        except (UnsupportedError, ImportError, AttributeError) as fault:
            half_watched = ledger.book_of(pool)
            if half_watched is not None:
                ledger.close_book(half_watched)
            return _unwatched(package, name, ledger, fault)
    message = f"poolwatch knows no pool of type {type(pool).__qualname__}"
    raise TypeError(message)


def _unwatched(
    package: str, name: str, ledger: Ledger, fault: Exception
) -> Book:
    reason = f"poolwatch cannot watch {package} {version_of(package)}: {fault}"
    gauge = UnwatchedGauge()
    book = gauge.book = ledger.open_book(name, gauge)
    book.faults["watch"] = reason
    logger.warning("%s is not watched: %s", book, reason)
    return book
