"""One pool's record: open loans, counts, times; and what listens to it."""

from __future__ import annotations

import logging
import weakref
from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING, Any

from poolwatch.call_site import capture, frame_above
from poolwatch.guard import harmless
from poolwatch.histogram import Histogram
from poolwatch.loan import Ending, Line, Loan, current

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from threading import RLock
    from types import FrameType

    from poolwatch.activity import Activity
    from poolwatch.gauge import Gauge
    from poolwatch.loan import Borrower, TaskRef

logger = logging.getLogger("poolwatch")
LISTENER_FAILED = "a listener failed on %r"

MOST_LINES = 100
"""Lines whose leaks a book counts apart; all further ones share `OTHER`."""
OTHER: Line = ("other", "other")
FRESH = 5.0
"""Seconds that the server's view of a pool's holders is good for."""


class Listener:
    """A base class for what reacts to events; override what you need.

    A method is called at once, by the thread that checks out or returns, and
    must not block. Python's garbage collector calls as well, in the middle of
    any other code: `ended` for a loan it ends, `waited` for a task it drops.
    An exception is logged and goes no further.
    """

    def opened(self, book: Book) -> None:
        """A pool is watched from now on."""

    def waited(self, book: Book, seconds: float) -> None:
        """A wait for a connection is over, with or without success."""

    def timed_out(self, book: Book) -> None:
        """The pool's own timeout has ended a wait."""

    def connected(self, book: Book, seconds: float) -> None:
        """A new connection to the server was opened in so many seconds."""

    def leaked(self, loan: Loan) -> None:
        """A borrower ended, and its loan is still open."""

    def overdue(self, loan: Loan) -> None:
        """A loan is open for long, and its borrower has not ended."""

    def ended(self, loan: Loan, how: Ending) -> None:
        """A loan has ended."""


class Book:
    """One pool's record: its open loans, counts and times.

    Safe with threads, and with the garbage collector, which may end a loan
    in the middle of any other code: the lock is reentrant.
    """

    def __init__(
        self,
        name: str,
        gauge: Gauge,
        listeners: list[Listener],
        lock: RLock,
        outlive: Callable[[Borrower, TaskRef | None], Borrower],
    ) -> None:
        """Begin with no loan.

        Args:
            name: the pool's name.
            gauge: reads the pool's own counts.
            listeners: are told of each event.
            lock: the ledger's.
            outlive: makes a borrower for a task whose request has ended.

        """
        self.name = name
        self.gauge = gauge
        self.faults: dict[str, str] = {}
        """The causes of poolwatch's own faults here, by what is not done."""
        self.loans: dict[int, Loan] = {}
        """Open loans by their slot."""
        self.timeouts = 0
        self.loans_ended = 0
        self.leaks_by_line: Counter[Line] = Counter()
        """Loans that outlived their borrower, by borrower and line."""
        self.garbage_collected = 0
        self.wait_time = Histogram()
        self.use_time = Histogram()
        self.create_time = Histogram()
        self.knows_backends = True
        """Whether a connection's process id is the server's. Behind a pooler
        such as PgBouncer it is the pooler's invention, and is not shown."""
        self.free_slot: Callable[[Loan], Awaitable[None]] = _do_nothing
        """The adapter's way to free the slot of a leaked loan."""
        self._activity: tuple[float, Mapping[int, Activity]] | None = None
        self._listeners = listeners
        self._outlive = outlive
        # At each checkout it is taken by hand: `with` takes twice as long.
        self._lock = lock
        self.waiters: list[None] = []
        """One for each wait. A driver's path appends and removes in C code,
        which needs no lock and cannot fail."""

    def __str__(self) -> str:
        """Name the pool."""
        return f"pool {self.name!r}"

    @property
    def activity(self) -> Mapping[int, Activity] | None:
        """The server's view of the holders; None where none is fresh."""
        if self._activity is None or not self.knows_backends:
            return None
        read_at, activity = self._activity
        return activity if monotonic() - read_at < FRESH else None

    @activity.setter
    def activity(self, activity: Mapping[int, Activity]) -> None:
        self._activity = monotonic(), activity

    @property
    def leaks(self) -> int:
        """Loans that outlived their borrower, since the pool opened."""
        return self.leaks_by_line.copy().total()

    @property
    def full(self) -> bool:
        """Whether every connection that the pool may open is checked out."""
        capacity = self.gauge.capacity()
        return capacity is not None and self.gauge.checked_out() >= capacity

    @property
    def waiting(self) -> int:
        """Borrowers that wait for a connection now."""
        return len(self.waiters)

    def reset_after_fork(self, lock: RLock) -> None:
        """Forget loans and waits, and use this lock from now on."""
        self._lock = lock
        self.loans.clear()
        self.waiters.clear()

    @harmless
    def record_wait(self, began: float) -> None:
        """Record a wait that has ended without a connection."""
        waited = monotonic() - began
        with self._lock:
            self.wait_time.observe(waited)
        self._tell("waited", self, waited)

    def record_checkout(
        self,
        slot: int,
        pid: int | None,
        handle: weakref.ref[Any] | None = None,
        began: float | None = None,
        frame: FrameType | None = None,
        beyond: FrameType | None = None,
    ) -> Loan:
        """Open a loan: an adapter's harmless function calls this.

        Args:
            slot: identifies the loan until its end.
            pid: the backend behind the connection.
            handle: a weak reference to the connection.
            began: when the wait for it began, if that is known.
            frame: the first frame to search for the application's frames;
                by default the caller's.
            beyond: see `call_site.capture`.

        """
        borrower = current.get()
        stack = capture(frame or frame_above(1), beyond)
        loan = Loan(self.name, pid, borrower, stack, slot, handle)
        if not self.knows_backends:
            loan.pid = None
        self._lock.acquire()
        try:
            if began is not None:
                waited = loan.since - began
                self.wait_time.observe(waited)
            if slot in self.loans:
                # StaticPool hands its one connection out many times at once:
                # the latest borrower has it.
                self.record_end(slot)
            self.loans[slot] = loan
            if borrower is not None:
                if borrower.ended:
                    loan.borrower = borrower = self._outlive(
                        borrower, loan.task
                    )
                    current.set(borrower)  # for the task's next checkout
                borrower.loans += 1
        finally:
            self._lock.release()
        if began is not None:
            for listener in self._listeners:
                try:
                    listener.waited(self, waited)
                except Exception:
                    logger.exception(LISTENER_FAILED, "waited")
        return loan

    def record_release(self, slot: int) -> None:
        """Note that a loan's release has begun, and may take a moment."""
        loan = self.loans.get(slot)
        if loan is not None:
            loan.release_begun = True

    def record_detach(self, slot: int, connection: object) -> None:
        """Follow a connection out of its pool, until it is closed."""
        with self._lock:
            loan = self.loans.pop(slot, None)
            if loan is None:
                return
            loan.slot = gone = id(connection)
            loan.handle = weakref.ref(
                connection, lambda _: self.record_end(gone)
            )
            loan.detached = True
            self.loans[gone] = loan

    def forget(self, slot: int) -> None:
        """Drop a loan whose connection another pool has taken over."""
        with self._lock:
            loan = self.loans.pop(slot, None)
            if loan is not None and loan.borrower is not None:
                loan.borrower.loans -= 1

    def record_end(self, slot: int, how: Ending = "returned") -> None:
        """End a loan; a slot without a loan is ignored."""
        now = monotonic()
        self._lock.acquire()
        try:
            loan = self.loans.pop(slot, None)
            if loan is None:
                return
            handle = loan.handle
            if loan.being_reclaimed:
                how = "ended by reclaim_leaks"
            elif loan.detached:
                how = "detached"
            elif handle is not None and handle() is None:
                how = "garbage collected"  # no code can return it any more
            loan.until = now
            self.loans_ended += 1
            if how == "garbage collected":
                self.garbage_collected += 1
            self.use_time.observe(now - loan.since)
            if loan.borrower is not None:
                loan.borrower.loans -= 1
        finally:
            self._lock.release()
        for listener in self._listeners:
            try:
                listener.ended(loan, how)
            except Exception:
                logger.exception(LISTENER_FAILED, "ended")

    @harmless
    def record_connect(self, seconds: float) -> None:
        """Record how long it took to open a connection."""
        with self._lock:
            self.create_time.observe(seconds)
        self._tell("connected", self, seconds)

    def record_timeout(self) -> None:
        """Count a wait that the pool's own timeout has ended."""
        with self._lock:
            self.timeouts += 1
        self._tell("timed_out", self)

    def record_leak(self, loan: Loan) -> None:
        """Mark a loan that has outlived its borrower."""
        line = loan.line
        with self._lock:
            if self.loans.get(loan.slot) is not loan:
                return  # another thread has just returned it
            if loan.release_begun or loan.intended is not None:
                return
            loan.leaked = True
            counted = self.leaks_by_line
            if line not in counted and len(counted) >= MOST_LINES:
                line = OTHER
            counted[line] += 1
        self._tell("leaked", loan)

    def record_overdue(self, loan: Loan) -> None:
        """Mark a loan that is open for long."""
        with self._lock:
            if self.loans.get(loan.slot) is not loan:
                return
            if loan.intended is not None:
                return
            loan.overdue = True
        self._tell("overdue", loan)

    def _tell(self, event: str, *what: object) -> None:
        # A checkout and an end do the same by hand, which is faster.
        for listener in self._listeners:
            try:
                getattr(listener, event)(*what)
            except Exception:
                logger.exception(LISTENER_FAILED, event)


async def _do_nothing(_: Loan) -> None:
    """The end of the backend ends the loan, and there is no slot."""
