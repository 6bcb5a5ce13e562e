"""Who holds each database connection, since when, and from which line.

    import poolwatch

    poolwatch.watch(engine)                    # or an asyncpg or psycopg pool
    app.add_middleware(poolwatch.Middleware)   # each request is a borrower

A *loan* is one connection that is checked out of a pool; a *borrower* is the
request or job that uses it; a *leak* is a loan that outlives its borrower.
"""

from poolwatch.asgi import Middleware
from poolwatch.call_site import in_app
from poolwatch.errors import PoolExhausted
from poolwatch.findings import Finding, Reporter, default_reporter
from poolwatch.ledger import Book, Ledger, Listener, Loan, default_ledger
from poolwatch.loan import Borrower, intended
from poolwatch.verdict import Verdict, diagnose, explain
from poolwatch.watch import watch
from poolwatch.watchdog import Watchdog

__version__ = "1.0.0"

borrower = default_ledger.borrower
default_ledger.listeners.append(default_reporter)

__all__ = [
    "Book",
    "Borrower",
    "Finding",
    "Ledger",
    "Listener",
    "Loan",
    "Middleware",
    "PoolExhausted",
    "Reporter",
    "Verdict",
    "Watchdog",
    "borrower",
    "default_ledger",
    "default_reporter",
    "diagnose",
    "explain",
    "in_app",
    "intended",
    "watch",
]
