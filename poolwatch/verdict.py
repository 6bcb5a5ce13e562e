"""Why a pool is exhausted, in words: who holds it, and what kind of fault.

A pool runs dry for five different reasons that look the same from outside,
and raising its size is the cure for one of them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from poolwatch.activity import Activity
    from poolwatch.ledger import Book, Loan

Cause = Literal[
    "leak", "long hold", "undersized pool", "lock wait", "blocked event loop"
]

LONG = 1.0
"""Seconds that a loan may be held before holding it is the fault."""
BLOCKED = 0.25
"""Seconds of event-loop lag that explain a pool's waits."""

CURES: dict[Cause, str] = {
    "leak": "give the connection back on every path; a larger pool only"
    " takes longer to run dry",
    "long hold": "give the connection back before the slow part",
    "undersized pool": "the work is short and the callers are many: raise the"
    " pool's size, or bound the requests in flight",
    "lock wait": "find the transaction that holds the lock, and shorten it",
    "blocked event loop": "move what blocks off the event loop",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The most likely reason for waiting, and what it rests on."""

    cause: Cause
    because: str

    def __str__(self) -> str:
        """Say it in one line, with the cure."""
        return f"{self.cause}: {self.because}; {CURES[self.cause]}"


def explain(book: Book, most: int = 3) -> str:
    """Name the lines that hold most of a pool, worst first.

    Returns:
        `30 of 30 checked out: 28 × app/orders/before.py:17 list_orders,
        leaked, oldest 43 s; …`.

    """
    loans = list(book.loans.values())
    capacity = book.gauge.capacity()
    checked_out = f"{book.gauge.checked_out()}"
    if capacity is not None:
        checked_out += f" of {capacity}"
    oldest: dict[tuple[str, bool], float] = {}
    holders: Counter[tuple[str, bool]] = Counter()
    for loan in loans:
        holder = str(loan.site or "unknown line"), loan.leaked
        holders[holder] += 1
        oldest[holder] = max(loan.age, oldest.get(holder, 0))
    parts = [
        f"{count} × {holder[0]}{', leaked' if holder[1] else ''},"
        f" oldest {oldest[holder]:.0f} s"
        for holder, count in holders.most_common(most)
    ]
    others = len(loans) - sum(n for _, n in holders.most_common(most))
    if others:
        parts.append(f"{others} more")
    text = f"{checked_out} checked out"
    return f"{text}: {'; '.join(parts)}" if parts else text


def diagnose(
    book: Book,
    lag: float = 0.0,
    activity: Mapping[int, Activity] | None = None,
) -> Verdict | None:
    """Tell why borrowers of a pool wait; None where nobody has reason to.

    Args:
        book: the pool's page in the ledger.
        lag: seconds that the event loop is, or was just now, late.
        activity: the server's view of the holders by process id, without
            which a lock wait looks like a long hold.

    """
    loans = list(book.loans.values())
    if not book.full:
        if lag < BLOCKED:
            return None
        return Verdict(
            "blocked event loop", f"{lag:.1f} s late, with connections left"
        )
    leaked = [loan for loan in loans if loan.leaked]
    if 2 * len(leaked) >= len(loans) > 0:
        return Verdict(
            "leak",
            f"{len(leaked)} of {len(loans)} loans outlived their"
            f" borrower, most from {_most_common_site(leaked)}",
        )
    waiting = [
        loan
        for loan in loans
        if loan.pid is not None
        and activity is not None
        and (seen := activity.get(loan.pid)) is not None
        and seen.wait_event_type == "Lock"
    ]
    if 2 * len(waiting) >= len(loans) > 0:
        return Verdict(
            "lock wait",
            f"{len(waiting)} of {len(loans)} holders wait for a"
            f" lock, most from {_most_common_site(waiting)}",
        )
    if lag >= BLOCKED:
        return Verdict("blocked event loop", f"it is {lag:.1f} s late")
    ages = sorted(loan.age for loan in loans)
    if ages and median(ages) >= LONG:
        return Verdict(
            "long hold",
            f"half of the loans are older than"
            f" {median(ages):.1f} s, most from {_most_common_site(loans)}",
        )
    return Verdict(
        "undersized pool",
        f"{book.waiting} wait while {len(loans)} loans of"
        f" {median(ages or [0]):.2f} s in the middle come and go",
    )


def _most_common_site(loans: Sequence[Loan]) -> str:
    sites = Counter(str(loan.site or "unknown line") for loan in loans)
    return sites.most_common(1)[0][0]
