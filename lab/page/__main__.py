"""The page's process: `python -m lab.page`, as `make lab` starts it.

It holds the lab's token, which no browser sees.
"""

import os
from argparse import ArgumentParser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse
from nicegui import background_tasks, ui

from app.settings import Settings
from lab.page.control_client import ControlClient
from lab.page.controls import BY_NAME
from lab.page.dashboard import Dashboard
from lab.page.guards import guard
from lab.page.history import SECONDS
from lab.page.layout import TITLE, build
from lab.page.lesson_load import LessonLoad
from lab.reading import Reader

HOST = "127.0.0.1"
GRACE = 1
"""Seconds that browsers have to disconnect when the page stops."""


def main() -> None:
    """Serve the page until Ctrl-C or SIGTERM."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--service", required=True, metavar="URL")
    parser.add_argument("--poolwatch", required=True, metavar="URL")
    given = parser.parse_args()
    uvicorn.run(
        page(given.service, given.poolwatch),
        host=HOST,
        port=given.port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=GRACE,
    )


def page(service: str, poolwatch: str) -> FastAPI:
    """Make the page of one service.

    Args:
        service: the service's URL.
        poolwatch: the URL of the thread in the service that responds while
            the event loop is blocked.

    """
    token = os.environ["LAB_TOKEN"]
    reader = Reader(poolwatch, service, token, Settings().direct_dsn)
    control = ControlClient(service, poolwatch, token)
    dashboard = Dashboard(reader, control, LessonLoad(service))

    @asynccontextmanager
    async def watching(_: FastAPI) -> AsyncIterator[None]:
        async with reader, control:
            task = background_tasks.create(dashboard.watch(SECONDS))
            yield
            task.cancel()
            await dashboard.load.stop()

    app = FastAPI(lifespan=watching, openapi_url=None)

    @app.get("/healthz")
    async def alive() -> dict[str, str]:
        """Respond while the page's event loop runs."""
        return {"status": "ok"}

    @ui.page("/")
    def current() -> None:
        """Show the lesson that the room is at."""
        build(dashboard)

    @ui.page("/lessons/{name}")
    async def chosen(name: str) -> Response | None:
        """Change the room to a lesson, and show it."""
        if name not in BY_NAME:
            known = ", ".join(BY_NAME)
            message = f"There is no lesson {name!r}; there are {known}."
            return PlainTextResponse(message, status_code=404)
        await dashboard.choose(BY_NAME[name])
        build(dashboard)
        return None

    ui.run_with(
        app,
        title=TITLE,
        dark=None,
        tailwind=False,
        language="en-GB",
        show_welcome_message=False,
    )
    guard(app)
    return app


if __name__ == "__main__":
    main()
