"""Who borrows: a request, or any job that names itself."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from poolwatch.ledger import Loan

current: ContextVar[Borrower | None] = ContextVar("borrower", default=None)
"""The borrower of the running task or thread."""


class Borrower:
    """One request or job, from its first line to its end.

    `loans` are the connections lent to it that have not come back.
    """

    __slots__ = ("_name", "_scope", "ended", "loans")

    def __init__(
        self, name: str, scope: MutableMapping[str, Any] | None = None
    ) -> None:
        """Name it; of a request the route is read later, from its scope."""
        self._name = name
        self._scope = scope
        self.ended = False
        self.loans: set[Loan] = set()

    @property
    def name(self) -> str:
        """`GET /orders/{order_id}`, or the name the job gave itself."""
        if self._scope is None:
            return self._name
        # FastAPI keeps the route as it was included, prefix and all, beside
        # Starlette's `route`, which knows the router's own path only.
        included = self._scope.get("fastapi", {}).get(
            "effective_route_context"
        )
        route = included or self._scope.get("route")
        template = getattr(route, "path", None) or self._scope.get("path")
        return f"{self._name} {template}"

    def end(self) -> None:
        """Fix the name and let go of the request."""
        self._name = self.name
        self._scope = None
        self.ended = True
