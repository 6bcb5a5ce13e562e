"""One pool's page in the ledger."""

from __future__ import annotations

import logging
from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING, Any

from poolwatch.borrower import current
from poolwatch.call_site import capture, frame_above
from poolwatch.histogram import Histogram
from poolwatch.loan import Ending, Line, Loan

if TYPE_CHECKING:
    import weakref
    from collections.abc import Awaitable, Callable
    from threading import RLock
    from types import FrameType

    from poolwatch.gauge import Gauge
    from poolwatch.listener import Listener

logger = logging.getLogger("poolwatch")
DEAF = "a listener failed to hear %r"

MOST_LINES = 100
"""Lines whose leaks a book counts apart; all further ones share `OTHER`."""
OTHER: Line = ("other", "other")


class Book:
    """One pool's page in the ledger.

    Safe with threads, and with the garbage collector, which may end a loan
    in the middle of anything: the lock is one that its holder may take again.
    """

    def __init__(
        self,
        name: str,
        gauge: Gauge,
        listeners: list[Listener],
        lock: RLock,
    ) -> None:
        """Begin with nothing lent."""
        self.name = name
        self.gauge = gauge
        self.loans: dict[int, Loan] = {}
        self.timeouts = 0
        self.returned = 0
        self.leaks_by_line: Counter[Line] = Counter()
        """Loans that outlived their borrower, by who lost them and where."""
        self.reclaimed = 0
        self.wait_time = Histogram()
        self.use_time = Histogram()
        self.create_time = Histogram()
        self.knows_backends = True
        """Whether a connection's process id is the server's. Behind a pooler
        such as PgBouncer it is the pooler's invention: nobody is shown it."""
        self.free: Callable[[Loan], Awaitable[None]] = _stays
        """The adapter's way to get a slot back from whoever has leaked it."""
        self._listeners = listeners
        # At each checkout it is taken by hand: `with` takes twice as long.
        self._lock = lock
        self._waiters: list[None] = []  # grows and shrinks without a lock

    @property
    def leaks(self) -> int:
        """Loans that outlived their borrower, since the pool opened."""
        return self.leaks_by_line.copy().total()

    @property
    def full(self) -> bool:
        """Whether all that the pool may lend is lent."""
        capacity = self.gauge.capacity()
        return capacity is not None and self.gauge.lent() >= capacity

    @property
    def waiting(self) -> int:
        """Borrowers that wait for a connection now."""
        return len(self._waiters)

    def begin_anew(self, lock: RLock) -> None:
        """Forget what is lent and who waits; lock with this from now on."""
        self._lock = lock
        self.loans.clear()
        self._waiters.clear()

    def ask(self) -> float:
        """A borrower begins to wait: the moment, for `lend` or `give_up`."""
        self._waiters.append(None)
        return monotonic()

    def give_up(self, asked: float) -> None:
        """A borrower waits no more, and has no connection."""
        self._waiters.pop()
        waited = monotonic() - asked
        with self._lock:
            self.wait_time.observe(waited)
        self._tell("waited", self, waited)

    def lend(
        self,
        slot: int,
        pid: int | None,
        handle: weakref.ref[Any] | None = None,
        asked: float | None = None,
        frame: FrameType | None = None,
        beyond: FrameType | None = None,
    ) -> None:
        """Write down a loan: called by an adapter when a pool has lent.

        Args:
            slot: what identifies the loan until it is given back.
            pid: the backend behind the connection.
            handle: a weak reference to what was lent.
            asked: when the borrower began to wait, if anybody asked.
            frame: where to begin to look for the application's frames; the
                caller's where none is given.
            beyond: see `callsite.capture`.

        """
        holder = current.get()
        stack = capture(frame or frame_above(1), beyond)
        loan = Loan(self.name, pid, holder, stack, slot, handle)
        if not self.knows_backends:
            loan.pid = None
        self._lock.acquire()
        try:
            if asked is not None:
                self._waiters.pop()
                waited = loan.since - asked
                self.wait_time.observe(waited)
            if slot in self.loans:
                # A pool that lends its one connection to many at a time, as
                # StaticPool does: the latest borrower has it.
                self.give_back(slot)
            self.loans[slot] = loan
            if holder is not None:
                if holder.ended:  # a task that has outlived its request
                    loan.borrower = None
                else:
                    holder.loans += 1
        finally:
            self._lock.release()
        if asked is not None:
            for listener in self._listeners:
                try:
                    listener.waited(self, waited)
                except Exception:
                    logger.exception(DEAF, "waited")

    def give_back(self, slot: int, how: Ending = "returned") -> None:
        """Strike a loan off; a slot that is not lent is left alone."""
        now = monotonic()
        self._lock.acquire()
        try:
            loan = self.loans.pop(slot, None)
            if loan is None:
                return
            handle = loan.handle
            if loan.condemned:
                how = "taken back"
            elif handle is not None and handle() is None:
                how = "reclaimed"  # nobody was left to give it back
            loan.until = now
            self.returned += 1
            if how == "reclaimed":
                self.reclaimed += 1
            self.use_time.observe(now - loan.since)
            if loan.borrower is not None:
                loan.borrower.loans -= 1
        finally:
            self._lock.release()
        for listener in self._listeners:
            try:
                listener.ended(loan, how)
            except Exception:
                logger.exception(DEAF, "ended")

    def connected(self, seconds: float) -> None:
        """Write down how long a new connection took."""
        with self._lock:
            self.create_time.observe(seconds)
        self._tell("connected", self, seconds)

    def timed_out(self) -> None:
        """Count a borrower that went away empty-handed."""
        with self._lock:
            self.timeouts += 1
        self._tell("timed_out", self)

    def leak(self, loan: Loan) -> None:
        """Mark a loan that has outlived its borrower."""
        line = loan.line
        with self._lock:
            if self.loans.get(loan.slot) is not loan:
                return  # another thread has just given it back
            loan.leaked = True
            counted = self.leaks_by_line
            if line not in counted and len(counted) >= MOST_LINES:
                line = OTHER
            counted[line] += 1
        self._tell("leaked", loan)

    def overdue(self, loan: Loan) -> None:
        """Mark a loan that is open for long."""
        with self._lock:
            if self.loans.get(loan.slot) is not loan:
                return
            loan.overdue = True
        self._tell("overdue", loan)

    def _tell(self, event: str, *what: object) -> None:
        # The pool's own work is in progress, and must not be harmed. What
        # happens at every checkout does the same without the detour.
        for listener in self._listeners:
            try:
                getattr(listener, event)(*what)
            except Exception:
                logger.exception(DEAF, event)


async def _stays(_: Loan) -> None:
    """Nothing to get back: the end of the backend ends the loan."""
