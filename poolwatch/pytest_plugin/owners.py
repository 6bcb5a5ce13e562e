"""Which test or fixture a loan belongs to.

A loan belongs to the test or fixture whose task or thread checked out. A
context variable names it: tasks inherit that, and each thread and each job of
an executor is given it. So a poller that a session's fixture has started
belongs to the fixture, whichever test runs.

A request is the exception. The service that a fixture has started may serve
it, but the test that runs has sent it, and so its loans are the test's. It is
known as a request if the service has `poolwatch.Middleware`.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial, wraps
from threading import Thread, get_ident
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from poolwatch.book import Listener
from poolwatch.findings import HEALED_BY, Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.orm import Session

    from poolwatch.ledger import Ledger
    from poolwatch.loan import Ending, Loan
    from poolwatch.pytest_plugin.sessions import Sessions

POLL = 0.005
"""Seconds between two looks at loans that may be on their way back."""


@dataclass(eq=False)
class Owner:
    """A test, or a fixture that outlives it."""

    name: str
    garbage_collected: list[Finding] = field(default_factory=list)
    """Its loans that Python's garbage collector has ended."""
    sessions: WeakSet[Session] = field(default_factory=WeakSet)
    """What a fixture has made, and any test may use."""


current: ContextVar[Owner | None] = ContextVar("owner", default=None)
"""The owner of what runs in this task or thread."""


class LoanOwners(Listener):
    """Knows the owner of each open loan, and what an owner has leaked."""

    def __init__(self, ledger: Ledger) -> None:
        """Begin without a test."""
        self.test: Owner | None = None
        """The test that runs."""
        self._ledger = ledger
        self._owners: dict[Loan, Owner] = {}
        self._fixtures: list[Owner] = []
        self._sessions = _follow_sessions()
        _follow_threads()
        ledger.listeners.append(self)

    @property
    def kinds(self) -> list[str]:
        """The kinds of pools that are watched."""
        return list(self._ledger.books)

    def charge(self, loan: Loan) -> None:
        """Note the owner of a loan, at its checkout."""
        owner, borrower = current.get(), loan.borrower
        if borrower and borrower.route and not borrower.outlived:
            owner = self.test or owner
        if owner is not None:
            self._owners[loan] = owner

    @contextmanager
    def setting_up(self, fixture: Owner) -> Iterator[None]:
        """Make a fixture the owner in the block, and of its sessions."""
        before = self._sessions.alive() if self._sessions else WeakSet()
        outer = current.get()
        current.set(fixture)
        try:
            yield
        finally:
            current.set(outer)
            if self._sessions:
                fixture.sessions = self._sessions.alive() - before
            self._fixtures.append(fixture)

    def ended(self, loan: Loan, how: Ending) -> None:
        """Remember a loan that no code has returned."""
        owner = self._owners.pop(loan, None)
        if owner is not None and how == "garbage collected":
            found = Finding.of(how, loan, healed_by=HEALED_BY[how])
            owner.garbage_collected.append(found)

    def find_leaks(self, owner: Owner, grace: float) -> list[Finding]:
        """Find the loans of an owner that has ended, and forget it.

        Args:
            owner: a test or fixture that has ended.
            grace: seconds in which loans may still end by themselves.

        """
        self._leave_sessions_to_fixtures(owner)
        found = {loan: Finding.of("leak", loan) for loan in self._open(owner)}
        deadline = time.monotonic() + grace
        while (loans := self._open(owner)) and time.monotonic() < deadline:
            _let_run(loans)
        for loan in loans:
            self._owners.pop(loan, None)
        if owner in self._fixtures:
            self._fixtures.remove(owner)
        return [
            replace(finding, borrower=finding.borrower or owner.name)
            for finding in (
                *owner.garbage_collected,
                *(finding for loan, finding in found.items() if loan in loans),
            )
        ]

    def _open(self, owner: Owner) -> list[Loan]:
        return [
            loan
            for loan in self._ledger.loans()
            if self._owners.get(loan) is owner and loan.intended is None
        ]

    def _leave_sessions_to_fixtures(self, owner: Owner) -> None:
        for loan in self._open(owner):
            session = self._sessions and self._sessions.behind(loan)
            for fixture in self._fixtures:
                if session in fixture.sessions:
                    self._owners[loan] = fixture


def _let_run(loans: list[Loan]) -> None:
    """Let threads run, and tasks whose loop stands still between tests."""
    tasks = [
        task
        for loan in loans
        if loan.thread == get_ident() and (task := loan.task and loan.task())
    ]
    for loop in {task.get_loop() for task in tasks if not task.done()}:
        if not loop.is_closed() and not loop.is_running():
            loop.run_until_complete(asyncio.sleep(POLL))
    time.sleep(POLL)


def _follow_threads() -> None:
    """Give each thread and job the owner of what starts it."""
    threads: Any = Thread
    executors: Any = ThreadPoolExecutor
    start, submit = threads.start, executors.submit

    @wraps(start)
    def start_owned(thread: Any) -> None:  # noqa: ANN401
        owner = current.get()

        def run() -> None:
            del thread.run
            current.set(owner)
            thread.run()

        thread.run = run
        start(thread)

    @wraps(submit)
    def submit_owned(
        executor: Any,  # noqa: ANN401
        job: Callable[..., Any],
        /,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        owned = partial(_run_as, current.get(), job)
        return submit(executor, owned, *args, **kwargs)

    threads.start, executors.submit = start_owned, submit_owned


def _run_as(
    owner: Owner | None,
    job: Callable[..., Any],
    *args: Any,  # noqa: ANN401
    **kwargs: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    token = current.set(owner)
    try:
        return job(*args, **kwargs)
    finally:
        current.reset(token)


def _follow_sessions() -> Sessions | None:
    try:
        from poolwatch.pytest_plugin.sessions import Sessions  # noqa: PLC0415
    except ImportError:  # no SQLAlchemy
        return None
    return Sessions()
