"""The page's process: `python -m lab.page`, as `make lab` starts it.

It is told where the service is, and holds the lab's token, which no browser
sees.
"""

import os
from argparse import ArgumentParser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from nicegui import background_tasks, ui

from app.settings import Settings
from lab.page.guards import guard
from lab.page.layout import TITLE, build
from lab.page.load import Load
from lab.page.remote import Remote
from lab.page.stage import Stage
from lab.reading import Reader

HOST = "127.0.0.1"
GRACE = 1
"""Seconds that browsers have left once the page was asked to stop."""


def main() -> None:
    """Serve the page until Ctrl-C or SIGTERM."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--service", required=True, metavar="URL")
    parser.add_argument("--lookout", required=True, metavar="URL")
    given = parser.parse_args()
    uvicorn.run(
        page(given.service, given.lookout),
        host=HOST,
        port=given.port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=GRACE,
    )


def page(service: str, lookout: str) -> FastAPI:
    """Make the page of one service."""
    token = os.environ["LAB_TOKEN"]
    dsn = Settings().direct_dsn
    reader = Reader(lookout, service, token, dsn)
    remote = Remote(service, lookout, token)
    stage = Stage(reader, remote, Load(service))

    @asynccontextmanager
    async def watching(_: FastAPI) -> AsyncIterator[None]:
        async with reader, remote:
            watching = background_tasks.create(stage.watch())
            try:
                yield
            finally:
                watching.cancel()
                await stage.load.stop()

    app = FastAPI(lifespan=watching, openapi_url=None)

    @app.get("/healthz")
    async def alive() -> dict[str, str]:
        """Answer while the page's own event loop turns."""
        return {"status": "ok"}

    ui.run_with(
        app,
        root=lambda: build(stage),
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
