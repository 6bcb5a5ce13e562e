"""Whose loans: a test's, or a fixture's that outlives the test.

A loan is charged to whoever the test runner was busy with when it began, in
whichever thread or event loop. It stays charged to him: what the failed test
before has left open, and the garbage collector or the next exception in
`sys.last_value` lets go in the middle of this one, is not this one's affair.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import get_ident
from typing import TYPE_CHECKING
from weakref import WeakSet

from poolwatch.book import Listener
from poolwatch.findings import HEALED_BY, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from poolwatch.ledger import Ledger
    from poolwatch.loan import Ending, Loan
    from poolwatch.pytest_plugin.sessions import Sessions

POLL = 0.005
"""Seconds between two looks at loans that may be on their way back."""


@dataclass(eq=False)
class Account:
    """A test, or a fixture that outlives it."""

    name: str
    garbage_collected: list[Finding] = field(default_factory=list)
    """What the garbage collector gave back in its stead."""
    sessions: WeakSet[Session] = field(default_factory=WeakSet)
    """What a fixture has made, and may borrow with in any test."""


class Accounts(Listener):
    """Charges each loan to a test or to a fixture."""

    def __init__(self, ledger: Ledger) -> None:
        """Begin with nobody to charge for what is written there."""
        self._ledger = ledger
        self._busy_with: list[Account] = []
        self._charged: dict[Loan, Account | None] = {}
        self._fixtures: list[Account] = []
        self._sessions = _follow_sessions()
        ledger.listeners.append(self)

    @property
    def kinds(self) -> list[str]:
        """The kinds of pools whose loans are seen."""
        return list(self._ledger.books)

    @property
    def busy_with(self) -> Account | None:
        """Who is charged now."""
        return self._busy_with[-1] if self._busy_with else None

    def enter(self, account: Account) -> None:
        """Charge this one, until `leave`, for what is borrowed."""
        self._charge()
        self._busy_with.append(account)

    def leave(self, account: Account) -> None:
        """Go back to charging whom we charged before."""
        self._charge()
        if account in self._busy_with:
            self._busy_with.remove(account)

    @contextmanager
    def setting_up(self, account: Account) -> Iterator[None]:
        """Charge a fixture while the block runs, and for its sessions."""
        before = self._sessions.alive() if self._sessions else WeakSet()
        self.enter(account)
        try:
            yield
        finally:
            self.leave(account)
            if self._sessions:
                account.sessions = self._sessions.alive() - before
            self._fixtures.append(account)

    def ended(self, loan: Loan, how: Ending) -> None:
        """Remember what nobody gave back himself."""
        account = self._charged.pop(loan, self.busy_with)
        if account is not None and how == "garbage collected":
            found = Finding.of(
                "garbage collected", loan, healed_by=HEALED_BY[how]
            )
            account.garbage_collected.append(found)

    def settle(self, account: Account, grace: float) -> list[Finding]:
        """Find what an account has not given back, and close it.

        Args:
            account: whose test or fixture has ended.
            grace: seconds for what is on its way back to arrive.

        """
        self._charge()
        self._hand_over(account)
        found = {
            loan: Finding.of("leak", loan) for loan in self._open(account)
        }
        deadline = time.monotonic() + grace
        while (loans := self._open(account)) and time.monotonic() < deadline:
            _let_run(loans)
        for loan in loans:
            self._charged[loan] = None
        if account in self._fixtures:
            self._fixtures.remove(account)
        return [
            replace(finding, borrower=finding.borrower or account.name)
            for finding in (
                *account.garbage_collected,
                *(finding for loan, finding in found.items() if loan in loans),
            )
        ]

    def _open(self, account: Account) -> list[Loan]:
        return [
            loan
            for loan in self._ledger.loans()
            if self._charged.get(loan) is account
        ]

    def _hand_over(self, account: Account) -> None:
        for loan in self._open(account):
            session = self._sessions and self._sessions.behind(loan)
            for fixture in self._fixtures:
                if session in fixture.sessions:
                    self._charged[loan] = fixture

    def _charge(self) -> None:
        for loan in self._ledger.loans():
            self._charged.setdefault(loan, self.busy_with)


def _let_run(loans: list[Loan]) -> None:
    """Let threads go on, and tasks whose loop stands still between tests."""
    tasks = [
        task
        for loan in loans
        if loan.thread == get_ident() and (task := loan.task and loan.task())
    ]
    for loop in {task.get_loop() for task in tasks if not task.done()}:
        if not loop.is_closed() and not loop.is_running():
            loop.run_until_complete(asyncio.sleep(POLL))
    time.sleep(POLL)


def _follow_sessions() -> Sessions | None:
    try:
        from poolwatch.pytest_plugin.sessions import Sessions  # noqa: PLC0415
    except ImportError:  # no SQLAlchemy
        return None
    return Sessions()
