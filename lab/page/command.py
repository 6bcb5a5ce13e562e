"""The command `page`: the service with its lab on, and a page to watch it."""

import asyncio
import os
import secrets
import sys
import webbrowser
from contextlib import suppress
from typing import Annotated

import typer

from app.cli.run import say
from app.cli.start import check_server
from lab.page import launcher
from lab.start import database


def page(
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="The service's port.")
    ] = 8000,
    page_port: Annotated[
        int, typer.Option(min=1, max=65535, help="The page's port.")
    ] = 8001,
    poolwatch_port: Annotated[
        int,
        typer.Option(
            min=1,
            max=65535,
            help="Port that responds while the event loop is blocked.",
        ),
    ] = 8002,
    *,
    should_open: Annotated[
        bool, typer.Option("--open/--no-open", help="Open a browser.")
    ] = True,
) -> None:
    """Run the service with the lab on, and the live page beside it.

    Both listen at 127.0.0.1 alone, until Ctrl-C or SIGTERM. A service that
    ends is started again.
    """

    def show(url: str) -> None:
        say(f"the service: http://{launcher.HOST}:{port}")
        say(f"the page: {url} (Ctrl-C ends both)")
        if should_open and _has_screen():
            webbrowser.open(url)

    if not os.environ.get("LAB_TOKEN"):
        os.environ["LAB_TOKEN"] = secrets.token_urlsafe()
    ports = launcher.Ports(port, poolwatch_port, page_port)
    with database() as settings, suppress(KeyboardInterrupt):
        asyncio.run(check_server(settings))
        launcher.run(ports, say, show)


def _has_screen() -> bool:
    """Whether a browser would have a window; one in the terminal is none."""
    return sys.platform in {"darwin", "win32"} or bool(
        os.environ.keys() & {"DISPLAY", "WAYLAND_DISPLAY"}
    )
