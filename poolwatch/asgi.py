"""ASGI middleware that makes each request and WebSocket a borrower.

Pure ASGI: the borrower ends when the application has returned, and so after
the response's background tasks. Add it last, so that it stands outermost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from poolwatch.ledger import Ledger, default_ledger

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class Middleware:
    """Name the request a borrower; report the loans that it leaves open."""

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
        borrower = self.ledger.begin(scope.get("method", "WEBSOCKET"), scope)
        try:  # `with self.ledger.borrower(…)` would take a microsecond more
            await self.app(scope, receive, send)
        finally:
            self.ledger.end(borrower)
