"""Reset the service: no leaked connection, all flags *after*, orders new.

The order of the steps matters, because requests may still arrive. The flags
are set first. Then the table lock and the provider let waiting requests
continue. Such a request may acquire a freed connection and leak it as well,
so leaks are freed until none is left.
"""

import asyncio
import gc
from collections import Counter
from collections.abc import Awaitable, Callable

import asyncpg
from pydantic import BaseModel, Field

from app.api import LESSONS
from app.control.state import Lab
from app.database.connect import application_name
from app.database.pools import Database
from app.flags import Flags
from poolwatch import Loan

SECONDS = 5
"""Limit of each step; the response then reports what is left."""
POLL_SECONDS = 0.05
LOCK_TIMEOUT = "200ms"
"""How long the reset of the orders waits for a row or a table lock."""

_RESET_ORDERS = """
WITH reset AS (
    UPDATE orders SET status = 'new', total = NULL
    WHERE status = 'processed' RETURNING id
)
SELECT count(*) FROM reset
"""


class Reclaimed(BaseModel):
    """The leaked connections that were freed."""

    loans_freed: int


class Reset(Reclaimed):
    """What a reset did."""

    loans_left: int = Field(description="Leaks that it could not free.")
    freed_by_pool: dict[str, int]
    backends_ended: int | None = Field(
        description="Leaked connections that the server has closed; null"
        " behind PgBouncer, which owns the server's connections."
    )
    backends_left: int | None = Field(
        description="Leaked connections that the server still has."
    )
    flags_changed: list[str] = Field(
        description="Lessons whose flag was not *after*."
    )
    orders_reset: int | None = Field(
        description="Processed orders that are new again; null where another"
        " transaction had locked the table or one of them."
    )
    still_running: int = Field(
        description="Requests of *before* or of an exercise that still hold a"
        " connection."
    )


async def restore(database: Database, lab: Lab) -> Reset:
    """Free all leaks, undo what the lab changed, and return the counts.

    Raises:
        OSError: the server does not respond in time.
        asyncpg.PostgresError: it responds with an error.

    """

    async def are_flags_seen() -> bool:
        return all(_fixed(lab.flags, each.name) for each in LESSONS)

    changed = [
        each.name for each in LESSONS if not _fixed(lab.flags, each.name)
    ]
    lab.flags.write({lesson.name: "after" for lesson in LESSONS})
    await _until(are_flags_seen)
    await lab.table_lock.release()
    lab.provider.resume()

    strays = await _strays(database)
    left = 0
    freed: Counter[str] = Counter()
    pids: set[int] = set()

    async def is_restored() -> bool:
        leaked = _leaked(database)
        # End the backends first: that releases their locks at once.
        await database.end_leaks()
        freed.update(loan.pool for loan in leaked)
        pids.update(loan.pid for loan in leaked if loan.pid is not None)
        for lesson in LESSONS:
            lesson.forget()
        lab.exercises.forget()
        gc.collect()
        books = database.ledger.books.values()
        return not (
            _leaked(database)
            or _still_running(database)
            or any(book.waiting for book in books)
        )

    async def are_backends_gone() -> bool:
        nonlocal left
        left = await _alive(database, pids) + await _strays(database)
        return not left

    await _until(is_restored)
    await _until(are_backends_gone)
    orders_reset = await _reset_orders(database)
    if lab.collects:
        gc.enable()
    else:
        gc.disable()
    lab.last_reset.set_to_current_time()
    hidden = database.settings.behind_pgbouncer
    return Reset(
        loans_freed=freed.total(),
        loans_left=len(_leaked(database)),
        freed_by_pool=dict(freed),
        backends_ended=None if hidden else len(pids) + strays - left,
        backends_left=None if hidden else left,
        flags_changed=changed,
        orders_reset=orders_reset,
        still_running=_still_running(database),
    )


def _fixed(flags: Flags, lesson: str) -> bool:
    """Whether *after* serves all requests; a changed flag takes a moment."""
    return flags.variant(lesson, "anybody") == "after" and not flags.splits(
        lesson
    )


def _leaked(database: Database) -> list[Loan]:
    return [loan for loan in database.ledger.loans() if loan.leaked]


def _still_running(database: Database) -> int:
    """Count loans of unfinished requests whose code may leak."""
    return sum(
        loan.borrower is not None
        and not loan.leaked
        and loan.borrower.route.startswith(("/before/", "/exercise/"))
        for loan in database.ledger.loans()
    )


async def _strays(database: Database) -> int:
    """Count this process's connections that belong to none of its pools.

    A pool does not count a connection that it is just opening. It does a
    moment later, so the smaller of two counts is the number of strays.
    """
    if database.settings.behind_pgbouncer:
        return 0
    books = database.ledger.books.values()
    counts = []
    for pause in (0.0, POLL_SECONDS):
        await asyncio.sleep(pause)
        backends = await database.count_backends()
        known = sum(
            book.gauge.checked_out() + book.gauge.idle() for book in books
        )
        counts.append(max(0, backends - known))
    return min(counts)


async def _alive(database: Database, pids: set[int]) -> int:
    """Count the connections among these that the server still has."""
    rows = await database.monitor.fetch(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE pid = ANY($1) AND application_name = ANY($2)",
        list(pids),
        [
            application_name(database.settings, name)
            for name in database.ledger.books
        ],
    )
    return int(rows[0]["count"])


async def _reset_orders(database: Database) -> int | None:
    """Make processed orders new again; None where they are locked."""
    try:
        await database.monitor.fetch(
            "SELECT set_config('lock_timeout', $1, false)", LOCK_TIMEOUT
        )
        rows = await database.monitor.fetch(_RESET_ORDERS, patience=SECONDS)
    except asyncpg.LockNotAvailableError:
        return None
    return int(rows[0]["count"])


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Call a condition until it is true, for SECONDS at most.

    No call is cancelled: it may just be freeing a leak. If the server does
    not respond to one call, it may respond to the next.
    """
    deadline = asyncio.get_running_loop().time() + SECONDS
    while True:
        is_last = asyncio.get_running_loop().time() >= deadline
        try:
            if await condition() or is_last:
                return
        except (OSError, asyncpg.PostgresError):
            if is_last:
                raise
        await asyncio.sleep(POLL_SECONDS)
