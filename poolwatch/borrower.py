"""Who borrows: a request, or any job that names itself."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from poolwatch.holder import current_task

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any

current: ContextVar[Borrower | None] = ContextVar("borrower", default=None)
"""The borrower of the running task or thread."""


NAMES = ("fastapi", "route")
"""What names a request in its ASGI scope."""
REQUEST_ID, TRACEPARENT = b"x-request-id", b"traceparent"
"""The headers that are shown. The others may be secret, or long."""


class Borrower:
    """One request or job, from its first line to its end.

    `loans` is how many connections lent to it have not come back; `task` is
    where it runs, to ask for its stack while it holds one.
    """

    __slots__ = ("_method", "_scope", "ended", "loans", "task")

    def __init__(
        self, method: str, scope: MutableMapping[str, Any] | None = None
    ) -> None:
        """Begin.

        Args:
            method: a request's method, or the name of a job.
            scope: a request's ASGI scope. It is read when somebody asks, as
                the route is not known at the beginning, and kept no longer
                than a loan of this borrower is open.

        """
        self._method = method
        self._scope = scope
        self.ended = False
        self.loans = 0
        self.task = current_task()

    @property
    def route(self) -> str:
        """A request's route template, or `(no route)`; a job has none."""
        if self._scope is None:
            return ""
        # FastAPI keeps the route as it was included, prefix and all, beside
        # Starlette's `route`, which knows the router's own path only. Of a
        # WebSocket the former has no path, and the latter has all of it.
        included = self._scope.get("fastapi", {}).get(
            "effective_route_context"
        )
        routes = (included, self._scope.get("route"))
        paths = [getattr(route, "path", None) for route in routes]
        return next((str(path) for path in paths if path), "(no route)")

    @property
    def name(self) -> str:
        """`GET /orders/{order_id}`, or the name the job gave itself.

        Of a request that has ended with nothing lent, its method alone.
        """
        return f"{self._method} {self.route}".rstrip()

    @property
    def request_id(self) -> str | None:
        """The caller's `X-Request-ID`, where it sent one."""
        return self._header(REQUEST_ID)

    @property
    def traceparent(self) -> str | None:
        """The caller's W3C trace context, where it sent one."""
        return self._header(TRACEPARENT)

    def end(self) -> None:
        """Remember that it has ended, and drop what only the living need."""
        self.ended = True
        self.task = None
        scope, self._scope = self._scope, None
        if scope is not None and self.loans:
            # Only what names the request: the scope has its state and body.
            self._scope = {key: scope[key] for key in NAMES if key in scope}
            self._scope["headers"] = [
                (name, value)
                for name, value in scope.get("headers", ())
                if name in {REQUEST_ID, TRACEPARENT}
            ]

    def _header(self, wanted: bytes) -> str | None:
        if self._scope is None:
            return None
        for name, value in self._scope.get("headers", ()):
            if name == wanted:
                return str(value.decode("latin-1"))
        return None
