"""What the ledger finds, one record each: in the log, and for listeners.

A *leak* is a loan that outlives its borrower, found the moment the borrower
ends. A *task leak* is a loan that a task took after its request had ended,
found the moment the task ends. *Overdue* is a loan older than a threshold
whose borrower still runs. *Returned late* is a leaked or overdue loan that
has ended after all, HikariCP's "unleaked". *Garbage collected* is a loan that
no code returned.
"""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from dataclasses import asdict, dataclass
from threading import RLock
from typing import TYPE_CHECKING, Literal

from poolwatch.book import LISTENER_FAILED, Listener
from poolwatch.call_site import sites
from poolwatch.fork import reset_in_children
from poolwatch.holder import holder_stack

if TYPE_CHECKING:
    from collections.abc import Callable

    from poolwatch.loan import Ending, Loan

logger = logging.getLogger("poolwatch")

Kind = Literal[
    "leak", "task leak", "overdue", "returned late", "garbage collected"
]

LogKey = tuple[Kind, str | None]
"""A kind and a call site: the log has one record a minute for each."""

HEALED_BY: dict[Ending, str] = {
    "returned": "its own code",
    "garbage collected": "the garbage collector",
    "detached": "the end of its connection, outside the pool",
    "terminated": "the end of its connection",
    "ended by reclaim_leaks": "reclaim_leaks",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding, with all that is known of the loan."""

    kind: Kind
    at: float
    """When it was found, in seconds of Unix time."""
    pool: str
    pid: int | None
    borrower: str | None
    request_id: str | None
    traceparent: str | None
    site: str | None
    """The line that checked out: `file:line function`."""
    seconds: float
    """How long the loan was, or is, open."""
    stack: tuple[str, ...]
    """The application's frames at the loan, innermost first."""
    holding: tuple[str, ...] = ()
    """Where an overdue holder is now, innermost first."""
    healed_by: str | None = None
    """What ended a late or garbage collected loan."""
    outlived: bool = False
    """Whether the borrower is a task that outlived its request."""

    @classmethod
    def of(
        cls,
        kind: Kind,
        loan: Loan,
        holding: tuple[str, ...] = (),
        healed_by: str | None = None,
    ) -> Finding:
        """Record what is known of a loan now."""
        borrower = loan.borrower
        stack = tuple(str(site) for site in sites(loan.stack))
        return cls(
            kind=kind,
            at=time.time(),
            pool=loan.pool,
            pid=loan.pid,
            borrower=borrower.name if borrower else None,
            request_id=borrower.request_id if borrower else None,
            traceparent=borrower.traceparent if borrower else None,
            site=stack[0] if stack else None,
            seconds=loan.age,
            stack=stack,
            holding=holding,
            healed_by=healed_by,
            outlived=borrower is not None and borrower.outlived,
        )

    def __str__(self) -> str:
        """Return one sentence."""
        who = self.borrower or "an unnamed borrower"
        backend = self.pid or "unknown"
        text = (
            f"{self.kind}: {who}, pool {self.pool!r} (backend {backend}),"
            f" checked out at {self.site or 'an unknown line'},"
            f" {self.seconds:.1f} s ago"
        )
        if self.kind == "overdue" and self.outlived:
            text += ", still held by a task that the request started"
        if self.holding:
            text += f", now at {self.holding[0]}"
        if self.healed_by is not None:
            text += f", returned by {self.healed_by}"
        return text


class Reporter(Listener):
    """Turns events into findings: logged, remembered, passed on.

    A call site that leaks repeatedly is logged once a minute, with a count;
    `recent` and `listen` get every finding.
    """

    EVERY = 60.0
    """Seconds between two log records of one kind from one call site."""

    def __init__(self, remember: int = 1000) -> None:
        """Remember so many findings, the newest."""
        self.recent: deque[Finding] = deque(maxlen=remember)
        self._callbacks: list[Callable[[Finding], None]] = []
        self._logged: dict[LogKey, float] = {}
        self._held_back: dict[LogKey, tuple[Finding, int]] = {}
        """The newest that was held back, and how many they are."""
        self.reset_after_fork()
        reset_in_children(self)

    def reset_after_fork(self) -> None:
        """Take a new lock."""
        self._lock = RLock()  # the garbage collector may report

    def listen(self, callback: Callable[[Finding], None]) -> None:
        """Call this with each finding, at once; it must not block.

        An exception that it raises is logged and goes no further.
        """
        self._callbacks.append(callback)

    def catch_up(self) -> None:
        """Log what is held back and whose minute is over."""
        for key in list(self._held_back):
            with self._lock:
                if key not in self._held_back or not self._is_due(key):
                    continue
                finding, count = self._held_back.pop(key)
                self._logged[key] = time.monotonic()
            _log(finding, f" (the newest of {count} that were held back)")

    def leaked(self, loan: Loan) -> None:
        """Report a leak, of a request or job or of a task that outlived it."""
        task = loan.borrower is not None and loan.borrower.outlived
        self._report(Finding.of("task leak" if task else "leak", loan))

    def overdue(self, loan: Loan) -> None:
        """Report an overdue loan, and where its holder is now."""
        holding = tuple(str(site) for site in holder_stack(loan))
        self._report(Finding.of("overdue", loan, holding=holding))

    def ended(self, loan: Loan, how: Ending) -> None:
        """Report a late end, or one by the garbage collector."""
        if how == "garbage collected":
            self._report(Finding.of(how, loan, healed_by=HEALED_BY[how]))
        elif loan.leaked or loan.overdue:
            late = Finding.of("returned late", loan, healed_by=HEALED_BY[how])
            self._report(late)

    def _report(self, finding: Finding) -> None:
        self.recent.append(finding)
        self._log_or_hold_back(finding)
        for callback in self._callbacks:
            try:
                callback(finding)
            except Exception:
                logger.exception(LISTENER_FAILED, finding.kind)

    def _log_or_hold_back(self, finding: Finding) -> None:
        key = finding.kind, finding.site
        with self._lock:
            _, count = self._held_back.pop(key, (finding, 0))
            if not self._is_due(key):
                self._held_back[key] = finding, count + 1
                return
            self._logged[key] = time.monotonic()
        more = f" (and {count} more since the last such record)"
        _log(finding, more if count else "")

    def _is_due(self, key: LogKey) -> bool:
        last = self._logged.get(key, -math.inf)
        return time.monotonic() - last >= self.EVERY


def _log(finding: Finding, more: str) -> None:
    extra = {"poolwatch": asdict(finding)}
    logger.warning("%s%s", finding, more, extra=extra)


default_reporter = Reporter()
"""What listens to the default ledger."""
