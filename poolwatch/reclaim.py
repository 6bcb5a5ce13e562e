"""Reclaim leaked connections: optional, and off unless you call it.

    await reclaim_leaks(ledger, DSN)      # or a `fetch` for the DSN

A leak that nothing heals starves its pool until the process is restarted.
This ends the backend of each leaked loan and frees its slot in the pool, as
c3p0, Tomcat and Oracle's UCP do. The cure for a leak is still to return the
connection, and each loan that is reclaimed is a finding.

It never touches the loan of a living borrower, a loan that is intended, or a
backend that such a loan uses as well. Code that still uses a connection it
has leaked, such as a task that was not awaited, gets the driver's error for a
lost connection.

One race of about one round trip remains. A leaked connection may be returned
after the last look at the ledger and before its backend ends. If it is in no
transaction, its pool sends nothing to the server and notices nothing. The next
borrower then finds the connection lost, or loses it with its first statement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from poolwatch.activity import Fetch
    from poolwatch.ledger import Book, Ledger, Loan

    Leaks = Sequence[tuple[Book, Loan]]

END_UNCHANGED = """
SELECT pid, state_change,
       CASE WHEN state_change = seen
            THEN pg_terminate_backend(pid) END AS ended
FROM pg_stat_activity
JOIN unnest($1::int[], $2::float8[], $3::timestamptz[])
     AS leak(pid, age, seen) USING (pid)
WHERE backend_start < now() - make_interval(secs => age)
"""
"""Takes process ids, ages of loans, and the `state_change` seen before.

A backend that is younger than the loan has inherited the process id. One
whose state has changed may have been checked out again. One that keeps no
state, because `track_activities` is off, is never ended."""


async def reclaim_leaks(
    ledger: Ledger,
    server: Fetch | str,
    after: float = 60.0,
    pools: Collection[str] | None = None,
) -> int:
    """End the backends of leaked loans; return how many loans that were.

    Call it from the event loop that the asyncio pools belong to. A leaked
    connection that is used at this very moment is left for the next call.

    Args:
        ledger: whose leaks to reclaim.
        server: the pools' server: its DSN, for asyncpg; or an
            `await fetch(query, *args)`, over a separate connection that is in
            no transaction.
        after: seconds that a leaked loan must be old.
        pools: names of the pools that are meant, all of that server; every
            pool of the ledger where none is given.

    """
    leaked = [
        (book, loan)
        for book in list(ledger.books.values())
        if pools is None or book.name in pools
        for loan in list(book.loans.values())
        if loan.leaked and loan.age >= after
    ]
    if not leaked:
        return 0
    if not isinstance(server, str):
        return await _reclaim(ledger, leaked, server)
    import asyncpg  # noqa: PLC0415 - only a DSN needs it

    connection = await asyncpg.connection.connect(
        server, timeout=5, command_timeout=5
    )
    try:
        return await _reclaim(ledger, leaked, connection.fetch)
    finally:
        await connection.close(timeout=5)


async def _reclaim(ledger: Ledger, leaked: Leaks, fetch: Fetch) -> int:
    # With no state seen before, the first query reads it and ends nothing.
    rows = await fetch(END_UNCHANGED, *_arguments(leaked, {}))
    seen = {row["pid"]: row["state_change"] for row in rows}
    # A loan that is open still was open when the server read its state. By
    # now asyncpg has prepared the statement, and sends it at once.
    in_use_by_others = {loan.pid for loan in ledger.loans() if not loan.leaked}
    leaked = [
        (book, loan)
        for book, loan in leaked
        if _is_open(book, loan) and loan.pid not in in_use_by_others
    ]
    for _, loan in leaked:
        loan.being_reclaimed = True
    try:
        # The server first: a thread that is inside the driver with a leaked
        # connection must get its error before the driver frees its memory.
        rows = await fetch(END_UNCHANGED, *_arguments(leaked, seen))
        in_use = {row["pid"] for row in rows if row["ended"] is None}
        reclaimed = [leak for leak in leaked if leak[1].pid not in in_use]
        for book, loan in reclaimed:
            if _is_open(book, loan):
                await book.free_slot(loan)
                book.record_end(loan.slot)
    finally:
        for _, loan in leaked:
            loan.being_reclaimed = False
    return len(reclaimed)


def _arguments(
    leaked: Leaks, seen: Mapping[int | None, datetime]
) -> tuple[list[int | None], list[float], list[datetime | None]]:
    loans = [loan for _, loan in leaked]
    return (
        [loan.pid for loan in loans],
        [loan.age for loan in loans],
        [seen.get(loan.pid) for loan in loans],
    )


def _is_open(book: Book, loan: Loan) -> bool:
    return book.loans.get(loan.slot) is loan
