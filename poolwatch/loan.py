"""A loan: one connection that a pool has lent, and to whom."""

from __future__ import annotations

from threading import get_ident
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

from poolwatch.call_site import Site, Stack, site
from poolwatch.holder import current_task

if TYPE_CHECKING:
    import weakref

    from poolwatch.borrower import Borrower

Ending = Literal[
    "returned", "reclaimed", "detached", "terminated", "taken back"
]
"""How a loan ended: given back, by the garbage collector, taken out of its
pool for good, because the server or the pool closed the connection, or by
`reclaim.reclaim_leaks`."""

State = Literal["open", "overdue", "leaked"]
"""What is to be said of a loan that is open: nothing, that it is open for
long, or that its borrower has ended."""

Line = tuple[str, str]
"""A borrower's name and the line that borrowed; empty where unknown."""


class Loan:
    """One connection that a pool has lent.

    `pid` is the PostgreSQL backend behind it, None where a pooler hides it;
    `since` and, once it has ended, `until` are in seconds of
    `time.monotonic()`; `borrower` is None where nobody has named himself;
    `task` and `thread` are where it was borrowed.
    `handle` is a weak reference to what the pool lent: it keeps nothing alive.
    """

    __slots__ = (
        "borrower",
        "condemned",
        "handle",
        "leaked",
        "overdue",
        "pid",
        "pool",
        "since",
        "slot",
        "stack",
        "task",
        "thread",
        "until",
    )

    def __init__(
        self,
        pool: str,
        pid: int | None,
        borrower: Borrower | None,
        stack: Stack,
        slot: int = 0,
        handle: weakref.ref[Any] | None = None,
    ) -> None:
        """Begin now."""
        self.pool = pool
        self.pid = pid
        self.borrower = borrower
        self.stack = stack
        self.slot = slot
        self.handle = handle
        self.task = current_task()
        self.thread = get_ident()
        self.leaked = False
        self.overdue = False
        self.condemned = False
        self.until: float | None = None
        self.since = monotonic()

    @property
    def age(self) -> float:
        """Seconds since it was lent, or how long it was where it has ended."""
        now = monotonic() if self.until is None else self.until
        return now - self.since

    @property
    def state(self) -> State:
        """The worst that has been found of it."""
        if self.leaked:
            return "leaked"
        return "overdue" if self.overdue else "open"

    @property
    def site(self) -> Site | None:
        """The application's line that borrowed, where there is one."""
        return site(self.stack)

    @property
    def line(self) -> Line:
        """What to group it by."""
        return (
            self.borrower.name if self.borrower else "",
            str(self.site or ""),
        )
