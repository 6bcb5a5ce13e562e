"""Errors after the response has begun: one line in the log at most."""

import asyncio
import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect
from uvicorn.protocols.utils import ClientDisconnected

from app.database.outage import contention, outage
from app.web.errors import Problem
from app.web.responses import unavailable

logger = logging.getLogger(__name__)


class LastResort:
    """End a stream, a background task or a WebSocket that an error interrupts.

    A bug keeps its traceback in the log. A client that has left, or a
    provider or database that does not respond, needs none.

    At shutdown the server cancels requests that have not ended in time, such
    as those that wait for a leaked connection. They get a 503. If the response
    has begun already, the server closes the connection.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the application."""
        self.app = app

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Respond in the application's place, or end without a response."""
        begun = False

        async def note_the_beginning(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, note_the_beginning)
        except asyncio.CancelledError:
            if scope["type"] == "http" and not begun:
                response = unavailable(
                    "Shutting down",
                    "The service ended before it could answer.",
                )
                await response(scope, receive, send)
        except (WebSocketDisconnect, ClientDisconnected):
            logger.debug("%s: the client has left", scope["path"])
        except Exception as error:
            reason = _reason(error) if begun else None
            if reason is None:
                raise
            logger.warning("%s ended early: %s", scope["path"], reason)


def _reason(error: BaseException) -> str | None:
    """Say what ended the response; None where it is a bug."""
    if isinstance(error, Problem):
        return error.detail
    # Starlette wraps an error that comes too late for its handler.
    cause = error.__cause__
    reason = contention(error) or outage(error)
    return reason or (_reason(cause) if cause else None)
