"""A loan, one connection that is checked out, and the borrower that holds it.

A borrower is a request, or a job that has named itself.
"""

from __future__ import annotations

import asyncio
import weakref
from asyncio import _get_running_loop  # documented, in spite of its name
from contextlib import contextmanager
from contextvars import ContextVar
from threading import get_ident
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

from poolwatch.call_site import Site, Stack, site

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

Task = asyncio.Task[Any]
TaskRef = weakref.ref[Task]

Ending = Literal[
    "returned",
    "garbage collected",
    "detached",
    "terminated",
    "ended by reclaim_leaks",
]
"""How a loan ended. "detached" is one that was taken out of its pool for good
and then closed, "terminated" one that the server or the pool has closed."""

State = Literal["open", "overdue", "leaked", "intended"]
"""State of an open loan; "leaked" says that its borrower has ended,
"intended" that its code said so."""

Line = tuple[str, str]
"""A borrower's name and the line that checked out; empty where unknown."""

current: ContextVar[Borrower | None] = ContextVar("borrower", default=None)
"""The borrower of the running task or thread."""
intention: ContextVar[str | None] = ContextVar("intention", default=None)
"""Why what is checked out now is kept on purpose."""

REQUEST_ID, TRACEPARENT = b"x-request-id", b"traceparent"
"""The headers that are shown. Other headers may be secret, or long."""


def current_task() -> TaskRef | None:
    """Return the task that runs in this thread; None without a loop."""
    loop = _get_running_loop()  # `current_task()` alone raises without a loop
    task = None if loop is None else asyncio.current_task(loop)
    return None if task is None else weakref.ref(task)


@contextmanager
def intended(reason: str) -> Iterator[None]:
    """Keep what the block checks out on purpose.

    Such a loan is shown with its reason. It is never a finding, and
    `reclaim_leaks` does not touch it.
    """
    token = intention.set(reason)
    try:
        yield
    finally:
        intention.reset(token)


class Borrower:
    """One request or job, from its first line to its end.

    `loans` is the number of its connections that are still checked out;
    `task` is where it runs, to read its stack while it holds a connection;
    `outer` is the borrower that it runs in, if any.
    """

    __slots__ = (
        "_method",
        "_scope",
        "ended",
        "loans",
        "outer",
        "outlived",
        "task",
    )

    def __init__(
        self, method: str, scope: MutableMapping[str, Any] | None = None
    ) -> None:
        """Begin.

        Args:
            method: a request's method, or the name of a job.
            scope: a request's ASGI scope. It is read when the name is needed,
                as the route is not known at the beginning, and kept no longer
                than a loan of this borrower is open.

        """
        self._method = method
        self._scope = scope
        self.outlived = False
        self.outer = current.get()
        self.ended = False
        self.loans = 0
        self.task = current_task()

    @property
    def route(self) -> str:
        """A request's route template, or `(no route)`; a job has none."""
        if self._scope is None:
            return ""
        # FastAPI keeps the route with the prefixes of its routers here.
        # Starlette's `route` has no prefix, but a WebSocket has only that.
        included = (self._scope.get("fastapi") or {}).get(
            "effective_route_context"
        )
        routes = (included, self._scope.get("route"))
        paths = [getattr(route, "path", None) for route in routes]
        return next((str(path) for path in paths if path), "(no route)")

    @property
    def name(self) -> str:
        """`GET /orders/{order_id}`, or the name the job gave itself.

        `after GET /orders/{order_id}` for a task that has outlived it.
        """
        after = "after " if self.outlived else ""
        return f"{after}{self._method} {self.route}".rstrip()

    @property
    def request_id(self) -> str | None:
        """The client's `X-Request-ID`, if it sent one."""
        return self._header(REQUEST_ID)

    @property
    def traceparent(self) -> str | None:
        """The client's W3C trace context, if it sent one."""
        return self._header(TRACEPARENT)

    def end(self) -> None:
        """Mark it as ended, and drop what only a living borrower needs."""
        self.ended = True
        self.task = self.outer = None
        scope = self._scope
        if scope is None:
            return
        # Only what names the request, for a loan or a task that outlives it:
        # the scope has its state and body.
        self._scope = {
            "fastapi": scope.get("fastapi"),
            "route": scope.get("route"),
        }
        if self.loans:
            self._scope["headers"] = [
                (name, value)
                for name, value in scope.get("headers", ())
                if name in {REQUEST_ID, TRACEPARENT}
            ]

    def successor(self, task: TaskRef | None) -> Borrower:
        """Make the borrower for a task that outlives this one."""
        successor = Borrower(self._method, self._scope)
        successor.outer = None
        successor.outlived = True
        successor.task = task
        return successor

    def living_outer(self) -> Borrower | None:
        """Find the innermost borrower around this one that has not ended."""
        outer = self.outer
        while outer is not None and outer.ended:
            outer = outer.outer
        return outer

    def _header(self, wanted: bytes) -> str | None:
        if self._scope is None:
            return None
        for name, value in self._scope.get("headers", ()):
            if name == wanted:
                return str(value.decode("latin-1"))
        return None


class Loan:
    """One connection that is checked out of a pool.

    `pid` is the PostgreSQL backend behind it, None where a pooler hides it;
    `since` and, once it has ended, `until` are in seconds of
    `time.monotonic()`; `borrower` is None outside of requests and jobs;
    `task` and `thread` are where it was checked out.
    `handle` is a weak reference to the connection: it keeps nothing alive.
    `intended` is why it is kept on purpose, None where it is not.
    """

    __slots__ = (
        "being_reclaimed",
        "borrower",
        "detached",
        "handle",
        "intended",
        "leaked",
        "overdue",
        "pid",
        "pool",
        "release_begun",
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
        self.intended = intention.get()
        self.detached = False
        self.release_begun = False
        self.being_reclaimed = False
        self.until: float | None = None
        self.since = monotonic()

    @property
    def age(self) -> float:
        """Seconds since the checkout, or until the end of the loan."""
        now = monotonic() if self.until is None else self.until
        return now - self.since

    @property
    def state(self) -> State:
        """The worst that was found so far."""
        if self.leaked:
            return "leaked"
        if self.overdue:
            return "overdue"
        return "open" if self.intended is None else "intended"

    @property
    def site(self) -> Site | None:
        """The application's line that checked out, if there is one."""
        return site(self.stack)

    @property
    def line(self) -> Line:
        """The borrower and the line, to group loans by."""
        return (
            self.borrower.name if self.borrower else "",
            str(self.site or ""),
        )
