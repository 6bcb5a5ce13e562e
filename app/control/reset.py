"""Put the service back as it began: nothing leaked, and *after* everywhere.

The order matters. While requests still come in, the flags go first and are
waited for, then whatever keeps requests waiting lets go of them. A request
that waited meanwhile may get a connection and leak it like the others, so
leaks are freed until there are no more.
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
"""How long one of its steps may take; then it says what is left."""
POLL_SECONDS = 0.05


class Reclaimed(BaseModel):
    """What was taken back."""

    loans_freed: int


class Reset(Reclaimed):
    """What a reset has done."""

    loans_left: int = Field(description="Leaks that it could not free.")
    freed_by_pool: dict[str, int]
    backends_ended: int | None = Field(
        description="Connections that the server had, and has no more; null"
        " behind PgBouncer, which owns the server's."
    )
    backends_left: int | None = Field(
        description="Those of them that the server still has."
    )
    flags_changed: list[str] = Field(
        description="Lessons that *before* had answered."
    )
    still_at_work: int = Field(
        description="Requests of *before* that go on with a connection."
    )


async def restore(database: Database, lab: Lab) -> Reset:
    """Free what is leaked, empty what is kept, and say what that was.

    Raises:
        OSError: the server does not answer in time.
        asyncpg.PostgresError: it answers with an error.

    """

    async def are_flags_seen() -> bool:
        return all(_fixed(lab.flags, each.name) for each in LESSONS)

    changed = [
        each.name for each in LESSONS if not _fixed(lab.flags, each.name)
    ]
    lab.flags.write({lesson.name: "after" for lesson in LESSONS})
    await _until(are_flags_seen)
    await lab.table_lock.release()
    lab.provider.answer()

    strays = await _strays(database)
    left = 0
    freed: Counter[str] = Counter()
    pids: set[int] = set()

    async def is_restored() -> bool:
        leaked = _leaked(database)
        # The server first: it lets go of locks before the collector comes.
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
            or _still_at_work(database)
            or any(book.waiting for book in books)
        )

    async def are_backends_gone() -> bool:
        nonlocal left
        left = await _alive(database, pids) + await _strays(database)
        return not left

    await _until(is_restored)
    await _until(are_backends_gone)
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
        still_at_work=_still_at_work(database),
    )


def _fixed(flags: Flags, lesson: str) -> bool:
    """Whether requests see *after*, which takes a moment."""
    return flags.variant(lesson, "anybody") == "after" and not flags.splits(
        lesson
    )


def _leaked(database: Database) -> list[Loan]:
    return [loan for loan in database.ledger.loans() if loan.leaked]


def _still_at_work(database: Database) -> int:
    """Count loans of requests that code which leaks has yet to answer."""
    return sum(
        loan.borrower is not None
        and not loan.leaked
        and loan.borrower.route.startswith(("/before/", "/exercise/"))
        for loan in database.ledger.loans()
    )


async def _strays(database: Database) -> int:
    """Count the process's connections that no pool of it knows.

    A pool does not know those it is just opening either; a moment later it
    does, so the fewer of two counts are the strays.
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
    """Ask the server which of these connections it still has."""
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


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Try until it holds, at most so long that the caller still waits.

    No try is cut short, as it may be about to free what it has marked; a
    busy server may answer the next one.
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
