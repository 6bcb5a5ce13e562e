"""Why a pool is exhausted, in words: who holds it, and which kind of fault.

A pool runs dry for different reasons that look the same from outside, and a
larger pool is the cure for one of them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from poolwatch.activity import Activity
    from poolwatch.book import Book
    from poolwatch.loan import Loan

Cause = Literal[
    "leak",
    "task leak",
    "lock wait",
    "blocked event loop",
    "long hold",
    "long hold or lock wait",
    "undersized pool",
    "undersized pool or lock wait",
]

LONG = 1.0
"""Seconds that a loan may be held before holding it is the fault."""
BLOCKED = 0.25
"""Seconds of event-loop lag that explain a pool's waits."""

READ_ACTIVITY = (
    "read pg_stat_activity, which a `fetch` given to the Watchdog does: if the"
    " holders wait for a lock, shorten the transaction that holds it;"
)
CURES: dict[Cause, str] = {
    "leak": "return the connection on every path; a larger pool only takes"
    " longer to run dry",
    "task leak": "await the task before its request ends, or have it return"
    " its connection on every path",
    "lock wait": "find the transaction that holds the lock, and shorten it",
    "blocked event loop": "move what blocks off the event loop",
    "long hold": "return the connection before the slow part",
    "long hold or lock wait": f"{READ_ACTIVITY} else return the connection"
    " before the slow part",
    "undersized pool": "the work is short and the requests are many: raise the"
    " pool's size, or bound the requests in flight",
    "undersized pool or lock wait": f"{READ_ACTIVITY} else raise the pool's"
    " size, or bound the requests in flight",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The most likely reason for waiting, and its evidence."""

    cause: Cause
    because: str

    def __str__(self) -> str:
        """Return one line, with the cure."""
        return f"{self.cause}: {self.because}; {CURES[self.cause]}"


def explain(book: Book, most: int = 3) -> str:
    """Name the lines that hold most of a pool, worst first.

    Returns:
        `30 of 30 checked out: 28 × app/orders/before.py:17 list_orders,
        leaked, oldest 43 s; …`.

    """
    loans = list(book.loans.values())
    capacity = book.gauge.capacity()
    text = f"{book.gauge.checked_out()}"
    if capacity is not None:
        text += f" of {capacity}"
    oldest: dict[str, float] = {}
    holders: Counter[str] = Counter()
    for loan in loans:
        holder = f"{loan.site or 'unknown line'}"
        if loan.leaked:
            holder += ", leaked"
        elif loan.intended is not None:
            holder += f", intended: {loan.intended}"
        holders[holder] += 1
        oldest[holder] = max(loan.age, oldest.get(holder, 0))
    parts = [
        f"{count} × {holder}, oldest {oldest[holder]:.0f} s"
        for holder, count in holders.most_common(most)
    ]
    others = len(loans) - sum(n for _, n in holders.most_common(most))
    if others:
        parts.append(f"{others} more")
    locked = _wait_for_locks(loans, book.activity or {})
    if locked:
        parts.append(f"{len(locked)} of them wait for a lock")
    if book.faults:
        parts.append(f"poolwatch sees less: {'; '.join(book.faults.values())}")
    return f"{text} checked out" + (f": {'; '.join(parts)}" if parts else "")


def diagnose(
    book: Book,
    lag: float = 0.0,
    activity: Mapping[int, Activity] | None = None,
) -> Verdict | None:
    """Return why borrowers of a pool wait; None where they need not.

    Args:
        book: the pool's page in the ledger.
        lag: seconds that the event loop is, or was just now, late.
        activity: the server's view of the holders by process id; by default
            what a Watchdog with a `fetch` has read. Without one, a wait for a
            lock cannot be told from other waits, and the verdict says so.

    """
    if not book.full:
        if lag < BLOCKED:
            return None
        return Verdict(
            "blocked event loop", f"{lag:.1f} s late, with connections left"
        )
    if not book.knows_backends:
        activity = None
    elif activity is None:
        activity = book.activity
    loans = list(book.loans.values())
    # A loan that is kept on purpose causes no wait; it makes the pool smaller.
    loans = [loan for loan in loans if loan.intended is None]
    if verdict := _leaks(loans):
        return verdict
    if verdict := _locks(loans, activity):
        return verdict
    if lag >= BLOCKED:
        return Verdict("blocked event loop", f"it is {lag:.1f} s late")
    middle = median([loan.age for loan in loans] or [0])
    if middle >= LONG:
        return Verdict(
            "long hold" if activity is not None else "long hold or lock wait",
            f"half of the loans are older than {middle:.1f} s,"
            f" most from {_most_common_site(loans)}",
        )
    return Verdict(
        "undersized pool"
        if activity is not None
        else "undersized pool or lock wait",
        f"{book.waiting} wait while {len(loans)} loans with a median age of"
        f" {middle:.2f} s come and go",
    )


def _leaks(loans: Sequence[Loan]) -> Verdict | None:
    tasks = Counter(loan.task for loan in loans)
    of_tasks = [
        loan
        for loan in loans
        if loan.borrower is not None
        and loan.borrower.outlived
        and (loan.leaked or loan.age >= LONG or tasks[loan.task] > 1)
    ]
    leaked = [loan for loan in loans if loan.leaked or loan in of_tasks]
    if not leaked or 2 * len(leaked) < len(loans):
        return None
    share = f"{len(leaked)} of {len(loans)} loans"
    most = f"most from {_most_common_site(leaked)}"
    if 2 * len(of_tasks) >= len(leaked):
        return Verdict(
            "task leak",
            f"{share} were checked out by tasks after their request had"
            f" ended, {most}",
        )
    return Verdict("leak", f"{share} outlived their borrower, {most}")


def _locks(
    loans: Sequence[Loan], activity: Mapping[int, Activity] | None
) -> Verdict | None:
    waiting = _wait_for_locks(loans, activity or {})
    if not waiting or 2 * len(waiting) < len(loans):
        return None
    return Verdict(
        "lock wait",
        f"{len(waiting)} of {len(loans)} holders wait for a lock,"
        f" most from {_most_common_site(waiting)}",
    )


def _wait_for_locks(
    loans: Sequence[Loan], activity: Mapping[int, Activity]
) -> list[Loan]:
    return [
        loan
        for loan in loans
        if loan.pid is not None
        and (seen := activity.get(loan.pid)) is not None
        and seen.wait_event_type == "Lock"
    ]


def _most_common_site(loans: Sequence[Loan]) -> str:
    sites = Counter(str(loan.site or "unknown line") for loan in loans)
    return sites.most_common(1)[0][0]
