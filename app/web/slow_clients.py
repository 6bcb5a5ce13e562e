"""Close connections whose clients take too long to send a request.

uvicorn has a bound on idle time between two requests, and none on the time
that a request takes to arrive. A client could open hundreds of connections,
send a byte a minute on each, and keep all of the service's files open.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

REQUEST_SECONDS = 10
"""For a request's headers and body, from the connection or its first byte."""


class BoundedRequests(HttpToolsProtocol):
    """uvicorn's HTTP protocol, with a bound on the arrival of a request."""

    _too_late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer for the first request."""
        super().connection_made(transport)
        self._start()

    def on_message_begin(self) -> None:
        """Start the timer for a later request."""
        super().on_message_begin()
        if self._too_late is None:
            self._start()

    def on_message_complete(self) -> None:
        """Stop the timer: the whole request has arrived."""
        self._stop()
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer: the connection is closed."""
        self._stop()
        super().connection_lost(exc)

    def _start(self) -> None:
        self._too_late = self.loop.call_later(
            REQUEST_SECONDS, self.transport.close
        )

    def _stop(self) -> None:
        if self._too_late is not None:
            self._too_late.cancel()
            self._too_late = None
