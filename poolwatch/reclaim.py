"""Take leaked connections back: optional, and off unless you call it.

    await reclaim_leaks(ledger, terminate)      # or a DSN for `terminate`

A leak that nothing heals starves its pool until the process is restarted.
This ends the backend of each leaked loan and frees its slot in the pool, as
c3p0, Tomcat and Oracle's UCP do. The cure for a leak is still to give the
connection back, and each loan that is taken back is a finding.

Safe means: a loan whose borrower lives is never touched. Whatever goes on
using a connection that it has leaked, such as a task that was not awaited,
gets the driver's error for a lost connection.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from poolwatch.ledger import Ledger, Loan

Terminate = Callable[[list[int]], Awaitable[object]]
"""Ends the backends with these process ids, as `pg_terminate_backend` does."""

END_BACKENDS = """
SELECT pg_terminate_backend(pid)
FROM pg_stat_activity
JOIN unnest($1::int[], $2::float8[]) AS leak(pid, age) USING (pid)
WHERE backend_start < now() - make_interval(secs => age)
"""
"""Asked with process ids and ages of loans: a backend that is younger than
the loan has inherited the process id, and is somebody else's."""


async def reclaim_leaks(
    ledger: Ledger, terminate: Terminate | str, after: float = 60.0
) -> int:
    """Take back what has been leaked; answer how many loans that were.

    Call it from the event loop that the asyncio pools belong to.

    Args:
        ledger: whose leaks to take back.
        terminate: ends backends, over a connection that is none of the
            pools'; or a DSN, over which asyncpg opens one for the purpose.
        after: seconds that a leaked loan must be old.

    """
    leaked = [
        (book, loan)
        for book in list(ledger.books.values())
        for loan in list(book.loans.values())
        if loan.leaked and loan.age >= after
    ]
    if not leaked:
        return 0
    for _, loan in leaked:
        loan.condemned = True
    # The server first: a thread that is inside the driver with a leaked
    # connection must have its error before the driver's memory goes.
    ended = [loan for _, loan in leaked if loan.pid is not None]
    if isinstance(terminate, str):
        await _terminate(terminate, ended)
    else:
        await terminate([loan.pid for loan in ended if loan.pid is not None])
    for book, loan in leaked:
        if book.loans.get(loan.slot) is loan:
            await book.free(loan)
            book.give_back(loan.slot)
    return len(leaked)


async def _terminate(dsn: str, loans: Sequence[Loan]) -> None:
    import asyncpg  # noqa: PLC0415 - only who gives a DSN needs it

    connection = await asyncpg.connection.connect(dsn, timeout=5)
    try:
        await connection.execute(
            END_BACKENDS,
            [loan.pid for loan in loans],
            [loan.age for loan in loans],
            timeout=5,
        )
    finally:
        await connection.close(timeout=5)
