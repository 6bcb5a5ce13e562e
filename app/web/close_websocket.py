"""How an open WebSocket is closed after an error."""

from http import HTTPStatus

from starlette.status import WS_1011_INTERNAL_ERROR, WS_1013_TRY_AGAIN_LATER
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class CloseWebSocket:
    """Close a WebSocket that was accepted, in place of an HTTP answer.

    Before, an error can be answered as that of any request. Afterwards there
    are close codes: 1013 to try again later, and 1011 for all else.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the application."""
        self.app = app

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Send what may be sent."""
        accepted = False

        async def send_or_close(message: Message) -> None:
            nonlocal accepted
            kind = message["type"]
            if kind == "websocket.accept":
                accepted = True
            if not accepted or not kind.startswith("websocket.http"):
                await send(message)
            elif kind == "websocket.http.response.start":
                await send(_closing(HTTPStatus(message["status"])))

        is_socket = scope["type"] == "websocket"
        await self.app(scope, receive, send_or_close if is_socket else send)


def _closing(status: HTTPStatus) -> Message:
    again = status is HTTPStatus.SERVICE_UNAVAILABLE
    return {
        "type": "websocket.close",
        "code": WS_1013_TRY_AGAIN_LATER if again else WS_1011_INTERNAL_ERROR,
        "reason": status.phrase,
    }
