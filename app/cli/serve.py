"""The command `serve`."""

import asyncio
import os
import resource
import secrets
from copy import deepcopy
from typing import Annotated

import typer
import uvicorn
from uvicorn.config import LOGGING_CONFIG

from app.cli.collection_log import LOGGER, CollectionLog
from app.cli.run import say
from app.cli.start import check_folder, check_server, listen
from app.settings import Settings
from app.web.loans_source import meeting_place
from app.web.slow_clients import BoundedRequests

FILES_BESIDE_CLIENTS = 200
"""Connections to the database, sockets between workers, logs."""
SHUTDOWN_SECONDS = 5
"""Time that requests have left once the service was asked to stop."""


Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[
    int, typer.Option(min=1, max=65535, help="Port to listen on.")
]
Workers = Annotated[
    int,
    typer.Option(
        min=1,
        envvar="WEB_CONCURRENCY",
        help="Number of worker processes. Each has separate pools.",
    ),
]


def serve(
    host: Host = "127.0.0.1", port: Port = 8000, workers: Workers = 1
) -> None:
    """Run the order service until Ctrl-C or SIGTERM."""
    os.environ["WEB_CONCURRENCY"] = str(workers)
    made = None if os.environ.get("LAB_TOKEN") else secrets.token_urlsafe()
    if made:
        os.environ["LAB_TOKEN"] = made
    settings = Settings()
    _check_addresses(host, port, settings)
    _allow_files(settings.client_limit)
    with meeting_place(workers):
        if settings.lab_enabled and made:
            say(f"lab token: {made}")
        asyncio.run(check_server(settings))
        logging_config = deepcopy(LOGGING_CONFIG)
        logging_config["root"] = {"handlers": ["default"], "level": "INFO"}
        logging_config["filters"] = {"collections": {"()": CollectionLog}}
        logging_config["loggers"][LOGGER] = {"filters": ["collections"]}
        uvicorn.run(
            "app.main:create_app",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            http=BoundedRequests,
            limit_concurrency=settings.client_limit,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            access_log=False,
            log_config=logging_config,
        )


def _check_addresses(host: str, port: int, settings: Settings) -> None:
    """Refuse what uvicorn or poolwatch would end with a traceback.

    Raises:
        OSError: an address or a folder cannot be used.

    """
    listen(host, port, "--port").close()
    if settings.poolwatch_folder:
        check_folder(settings.poolwatch_folder)
    if settings.poolwatch_port:
        # Services that share a folder share the port as well.
        port = 0 if settings.poolwatch_folder else settings.poolwatch_port
        address = str(settings.poolwatch_host)
        listen(address, port, "POOLWATCH_PORT", "POOLWATCH_HOST").close()


def _allow_files(connections: int) -> None:
    """Raise the limit of open files, where it is below what clients need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + FILES_BESIDE_CLIENTS
    if hard != resource.RLIM_INFINITY:
        needed = min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
