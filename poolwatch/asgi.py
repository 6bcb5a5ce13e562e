"""ASGI middleware that makes each request and WebSocket a borrower.

Pure ASGI: the borrower ends when the application has returned, and so after
the response's background tasks. Add it last, so that it stands outermost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from poolwatch.ledger import Ledger, default_ledger
from poolwatch.loan import Borrower

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class Middleware:
    """Name the request a borrower; report what it leaves lent."""

    def __init__(self, app: ASGIApp, ledger: Ledger = default_ledger) -> None:
        """Wrap an ASGI application."""
        self.app = app
        self.ledger = ledger

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Serve one request or WebSocket as one borrower."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        borrower = Borrower(scope.get("method", "WEBSOCKET"), scope)
        token = self.ledger.begin(borrower)
        try:  # `with self.ledger.borrower(…)` would take a microsecond more
            await self.app(scope, receive, send)
        finally:
            self.ledger.end(borrower, token)
