"""Refuse requests that the page itself did not send.

The page's process holds the lab's token, so each of its clients controls the
lab. It listens at 127.0.0.1, which keeps other machines out. A browser on this
machine also sends requests of other sites. These have that site's `Origin`, or
its `Host` if its name resolves to 127.0.0.1.
"""

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

HOSTS = ("127.0.0.1", "localhost")
POLICY = (
    "default-src 'self'; img-src 'self' data:; font-src 'self' data:;"
    " style-src 'self' 'unsafe-inline';"
    # Vue compiles its templates in the browser.
    " script-src 'self' 'unsafe-inline' 'unsafe-eval';"
    " frame-ancestors 'none'; form-action 'none'"
)
"""The browser loads nothing from other hosts."""


def guard(app: FastAPI) -> None:
    """Refuse other hosts and other origins, WebSockets included."""
    app.add_middleware(_OwnOrigin)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*HOSTS])


class _OwnOrigin:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = POLICY
                headers["Referrer-Policy"] = "no-referrer"
            await send(message)

        if scope["type"] == "lifespan" or _is_own(Headers(scope=scope)):
            await self._app(scope, receive, send_with_policy)
        elif scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
        else:
            refusal = PlainTextResponse("Another origin.", status_code=403)
            await refusal(scope, receive, send)


def _is_own(headers: Headers) -> bool:
    """Whether it is ours, or absent, as when a browser opens the page."""
    origin = headers.get("origin")
    return origin is None or origin == f"http://{headers.get('host')}"
