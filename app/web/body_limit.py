"""No handler reads a body that is larger than a megabyte.

Starlette has such a limit, `max_body_size`. It is not used, because its 413 is
plain text when the request declares its length.
"""

from http import HTTPStatus

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 2**20


class BodyLimit:
    """Refuse a larger body with 413 when a handler reads it.

    A body that no handler reads is not held in memory: the server reads no
    further than its own small buffer.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the application."""
        self.app = app

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Count what is received."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = int(Headers(scope=scope).get("content-length", "0"))
        received = 0

        async def receive_at_most() -> Message:
            nonlocal received
            if declared <= MOST_BYTES:
                message = await receive()
                received += len(message.get("body", b""))
                if received <= MOST_BYTES:
                    return message
            raise HTTPException(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"A body has at most {MOST_BYTES} bytes.",
            )

        await self.app(scope, receive_at_most, send)
