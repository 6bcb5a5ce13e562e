"""Refuse requests that a web page has sent here under its own name.

A page can let its name resolve to this machine's address (DNS rebinding). The
browser then takes our response for the page's own, and lets it read code and
queries. Such a request has the page's name in its `Host` header. An IP address
in `Host` needs no check: no page has a name that is an address.
"""

import re
import socket
from collections.abc import Collection
from contextlib import suppress
from ipaddress import ip_address

from poolwatch.extras import extra

with extra("web"):
    from starlette.datastructures import Headers
    from starlette.responses import PlainTextResponse
    from starlette.types import ASGIApp, Receive, Scope, Send
    from starlette.websockets import WebSocketClose

HOST = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<name>[^:]*))(?::\d*)?")
ANY = "*"


class AllowedHosts:
    """Middleware that lets through addresses, and names that are allowed."""

    def __init__(self, app: ASGIApp, names: Collection[str] = ()) -> None:
        """Allow names beside `localhost` and this machine's own.

        Args:
            app: what the requests are for.
            names: host names without a port; `*` allows every name.

        """
        self._app = app
        own = ("localhost", socket.gethostname())
        self._names = {name.lower() for name in (*own, *names)}

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Respond with 400 to a request for another host."""
        if scope["type"] == "lifespan" or self._are_allowed(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
        else:
            refusal = PlainTextResponse(
                "This host is not allowed.\n", status_code=400
            )
            await refusal(scope, receive, send)

    def _are_allowed(self, scope: Scope) -> bool:
        """Check the headers; a browser always sends one."""
        return ANY in self._names or all(
            self._is_allowed(host)
            for host in Headers(scope=scope).getlist("host")
        )

    def _is_allowed(self, host: str) -> bool:
        parts = HOST.fullmatch(host)
        if parts is None:
            return False
        name = parts["v6"] or parts["name"] or ""
        with suppress(ValueError):
            return bool(ip_address(name))
        return name.lower().removesuffix(".") in self._names
