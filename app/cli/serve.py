"""The command `serve`."""

import asyncio
import os
import secrets
from copy import deepcopy
from typing import Annotated

import typer
import uvicorn
from uvicorn.config import LOGGING_CONFIG

from app.cli.run import say
from app.cli.start import check_server
from app.settings import Settings
from app.web.loans_source import meeting_place

GRACE = 5
"""Seconds that requests have left once the service was asked to stop."""


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port to listen on.")
    ] = 8000,
    workers: Annotated[
        int,
        typer.Option(
            min=1,
            envvar="WEB_CONCURRENCY",
            help="Processes that serve; each has pools of its own.",
        ),
    ] = 1,
) -> None:
    """Run the order service until Ctrl-C or SIGTERM."""
    os.environ["WEB_CONCURRENCY"] = str(workers)
    made = None if os.environ.get("LAB_TOKEN") else secrets.token_urlsafe()
    if made:
        os.environ["LAB_TOKEN"] = made
    settings = Settings()
    with meeting_place(workers):
        if settings.lab_enabled and made:
            say(f"lab token: {made}")
        asyncio.run(check_server(settings))
        logging_config = deepcopy(LOGGING_CONFIG)
        logging_config["root"] = {"handlers": ["default"], "level": "INFO"}
        uvicorn.run(
            "app.main:create_app",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            timeout_graceful_shutdown=GRACE,
            access_log=False,
            log_config=logging_config,
        )
