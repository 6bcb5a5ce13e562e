"""What every exporter shows of a pool, how it is called, where it is read.

The nine `db.client.connection.*` are OpenTelemetry's semantic conventions for
connection pools (https://opentelemetry.io/docs/specs/semconv/database/database-metrics/);
the others are what only a ledger knows: open loans and leaks by the line of
code that holds them. Names are OpenTelemetry's, and Prometheus' follow from
them: a dot becomes `_`, seconds end in `_seconds` and counters in `_total`.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from poolwatch.book import MOST_LINES, OTHER

if TYPE_CHECKING:
    from collections.abc import Callable

    from poolwatch.book import Book
    from poolwatch.histogram import Histogram

POOL = "db.client.connection.pool.name"
STATE = "db.client.connection.state"

Kind = Literal["counter", "up-down counter", "gauge"]
"""Whether it only grows; goes up and down, and sums of it mean something; or
only goes up and down."""
Values = dict[tuple[str, ...], float]
"""Values by their labels, without the first, which is the pool's name."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One value that is read of a book at a scrape or collection."""

    name: str
    unit: str
    text: str
    read: Callable[[Book], Values]
    kind: Kind = "up-down counter"
    labels: tuple[str, ...] = (POOL,)


@dataclass(frozen=True, slots=True)
class Durations:
    """A histogram of seconds."""

    name: str
    text: str
    read: Callable[[Book], Histogram]


def _count(book: Book) -> Values:
    return {("idle",): book.gauge.idle(), ("used",): book.gauge.checked_out()}


def _capacity(book: Book) -> Values:
    capacity = book.gauge.capacity()
    return {(): math.inf if capacity is None else capacity}


def _open_loans(book: Book) -> Values:
    open_now = list(book.loans.values())
    groups = Counter((*loan.line, loan.state) for loan in open_now)
    shown: Values = dict(groups.most_common(MOST_LINES))
    others = groups.total() - sum(shown.values())
    return shown | {(*OTHER, "any"): others}


def _oldest(book: Book) -> Values:
    open_now = list(book.loans.values())
    return {(): max((loan.age for loan in open_now), default=0)}


def _leaks(book: Book) -> Values:
    # One series always exists: without it, no increase could be computed.
    none: Values = {("", ""): 0}
    return none | dict(book.leaks_by_line.copy().items())


CONNECTIONS = "{connection}"
READINGS = (
    Reading(
        "db.client.connection.count",
        CONNECTIONS,
        "Open connections by state",
        _count,
        labels=(POOL, STATE),
    ),
    Reading(
        "db.client.connection.idle.max",
        CONNECTIONS,
        "The most connections that stay open idle",
        lambda book: {(): book.gauge.size()},
    ),
    Reading(
        "db.client.connection.idle.min",
        CONNECTIONS,
        "The fewest connections kept open",
        lambda book: {(): book.gauge.minimum()},
    ),
    Reading(
        "db.client.connection.max",
        CONNECTIONS,
        "The most connections that can be checked out at once",
        _capacity,
    ),
    Reading(
        "db.client.connection.pending_requests",
        "{request}",
        "Borrowers that wait for a connection",
        lambda book: {(): book.waiting},
    ),
    Reading(
        "db.client.connection.timeouts",
        "{timeout}",
        "Waits for a connection that ended without one",
        lambda book: {(): book.timeouts},
        "counter",
    ),
    Reading(
        "poolwatch.loans.open",
        "{loan}",
        "Open loans by route, call site and state",
        _open_loans,
        labels=("pool", "route", "site", "state"),
    ),
    Reading(
        "poolwatch.garbage_collected",
        "{loan}",
        "Loans that Python's garbage collector has ended",
        lambda book: {(): book.garbage_collected},
        "counter",
        ("pool",),
    ),
    Reading(
        "poolwatch.oldest_loan",
        "s",
        "Age of the oldest open loan, 0 where none is open",
        _oldest,
        "gauge",
        ("pool",),
    ),
    Reading(
        "poolwatch.leaks",
        "{loan}",
        "Loans that outlived their request or job",
        _leaks,
        "counter",
        ("pool", "route", "site"),
    ),
)

CREATE_TIME = Durations(
    "db.client.connection.create_time",
    "Time it took to open a new connection",
    lambda book: book.create_time,
)
WAIT_TIME = Durations(
    "db.client.connection.wait_time",
    "Time it took to get a connection from the pool",
    lambda book: book.wait_time,
)
USE_TIME = Durations(
    "db.client.connection.use_time",
    "Time from the checkout of a connection to its return",
    lambda book: book.use_time,
)
