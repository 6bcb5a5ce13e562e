"""The command `serve` of the lab: the service, with all that it needs."""

import os
from typing import Annotated

import typer

from app.cli.serve import serve as run_service
from lab.start import database


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
    """Run the service with the lab on, until Ctrl-C or SIGTERM.

    Without DATABASE_URL it starts an embedded PostgreSQL. LAB_ENABLED=false
    runs the service as in production.
    """
    with database():
        os.environ.setdefault("LAB_ENABLED", "true")
        run_service(host=host, port=port, workers=workers)
