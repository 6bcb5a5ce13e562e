"""`python -m app …`, and a switch that ties poolwatch's hands.

The service has no switch that takes poolwatch away, and this gives it none:
it starts the service as it is, and where that takes poolwatch's three
entrances it is handed the same with a door. Behind a closed one the pools
have their own classes again, no request is a borrower, and no watchdog looks.

Both sides are one process, because two processes of one program differ in
speed by more than poolwatch takes.
"""

import runpy
from typing import Any
from unittest.mock import patch

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

import poolwatch
from poolwatch import Middleware, Watchdog, watch

PATH = "/switch-poolwatch/"
"""Where to ask for it: this, and `on` or `off`."""

on = True
classes: list[tuple[Any, type, type]] = []
"""Each watched pool and queue, with its class while watched, and its own."""


def watch_with_a_door(
    pool: Any,  # noqa: ANN401 - as in `poolwatch.watch`
    name: str,
    ledger: poolwatch.Ledger,
) -> poolwatch.Book:
    """Stand in for `poolwatch.watch`, and remember whose class it replaces."""
    core = getattr(pool, "sync_engine", pool)
    # SQLAlchemy's pool; asyncpg's, and its queue.
    parts = getattr(core, "pool", pool), getattr(pool, "_queue", None)
    own = [(part, type(part)) for part in parts]
    book = watch(pool, name, ledger)
    classes.extend(
        (part, type(part), plain)
        for part, plain in own
        if type(part) is not plain
    )
    return book


class WatchdogWithADoor(Watchdog):
    """Stands in for `poolwatch.Watchdog`."""

    def look(self) -> None:
        """Look, or sleep on."""
        if on:
            super().look()


class MiddlewareWithADoor:
    """Stands in for `poolwatch.Middleware`, and answers the switch."""

    def __init__(self, app: ASGIApp, ledger: poolwatch.Ledger) -> None:
        """Wrap an ASGI application."""
        self.plain = app
        self.watched = Middleware(app, ledger)

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Serve, or switch."""
        path: str = scope.get("path", "")
        if path.startswith(PATH):
            turn(path == f"{PATH}on")
            await Response()(scope, receive, send)
        elif on:
            await self.watched(scope, receive, send)
        else:
            await self.plain(scope, receive, send)


def turn(to: bool) -> None:  # noqa: FBT001 - it is what a switch is told
    """Open all doors, or close them."""
    global on  # noqa: PLW0603 - the one switch of this process
    on = to
    for part, watched, plain in classes:
        part.__class__ = watched if on else plain


if __name__ == "__main__":
    with patch.multiple(
        poolwatch,
        watch=watch_with_a_door,
        Middleware=MiddlewareWithADoor,
        Watchdog=WatchdogWithADoor,
    ):
        runpy.run_module("app", run_name="__main__", alter_sys=True)
