"""One call for every kind of pool."""

from __future__ import annotations

import sys
from typing import Any

from poolwatch.ledger import Book, Ledger, default_ledger


def watch(
    pool: Any,  # noqa: ANN401 - whichever of the drivers is installed
    name: str = "default",
    ledger: Ledger = default_ledger,
) -> Book:
    """Write each loan of a pool into the ledger.

    Args:
        pool: a SQLAlchemy `Engine` or `AsyncEngine`, an open asyncpg or
            psycopg pool, or the module `asyncpg` for its bare `connect`.
        name: what the pool is called in reports and metrics.
        ledger: where to write; the process's own where none is given.

    Raises:
        TypeError: this kind of pool is not known.
        ValueError: the ledger has a pool of that name already.

    """
    # Only what the caller has imported can be what the caller gives.
    if "sqlalchemy" in sys.modules:
        from poolwatch.pools import sqlalchemy as for_sqlalchemy  # noqa: PLC0415

        if for_sqlalchemy.knows(pool):
            return for_sqlalchemy.watch(pool, name, ledger)
    if "asyncpg" in sys.modules:
        from poolwatch.pools import asyncpg as for_asyncpg  # noqa: PLC0415

        if for_asyncpg.knows(pool):
            return for_asyncpg.watch(pool, name, ledger)
    if "psycopg_pool" in sys.modules:
        from poolwatch.pools import psycopg as for_psycopg  # noqa: PLC0415

        if for_psycopg.knows(pool):
            return for_psycopg.watch(pool, name, ledger)
    message = f"poolwatch knows no pool of type {type(pool).__qualname__}"
    raise TypeError(message)
