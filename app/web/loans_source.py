"""The source of poolwatch's pages: this process, or all workers together.

If the settings say so, a thread with its own event loop serves the pages as
well, over a connection of its own, while this process's event loop is blocked.
"""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from tempfile import TemporaryDirectory
from typing import Annotated

from fastapi import Depends, Request
from prometheus_client import CollectorRegistry, generate_latest

from app.database.connect import application_name
from app.database.monitor import Monitor
from app.database.pools import Database
from app.web.server_metrics import server_metrics
from poolwatch import Reporter
from poolwatch.metrics.prometheus import lag_shown
from poolwatch.pages.models import PageSource
from poolwatch.pages.process import ThisProcess
from poolwatch.pages.thread_server import serve_in_thread
from poolwatch.pages.workers import AllWorkers


@asynccontextmanager
async def open_source(
    database: Database, reporter: Reporter, registry: CollectorRegistry
) -> AsyncIterator[PageSource]:
    """Open the source: of all workers where they share a folder."""
    settings = database.settings
    process = ThisProcess(
        database.ledger,
        reporter,
        database.watchdog,
        database.monitor.fetch,
        partial(generate_latest, registry),
        partial(server_metrics, database.monitor),
        replica=settings.replica_name,
    )
    folder = settings.poolwatch_folder
    with (
        lag_shown(database.watchdog, registry),
        serve_in_thread(
            _on_its_own(process, database),
            settings.poolwatch_port,
            folder,
            str(settings.poolwatch_host),
            settings.allowed_hosts,
        )
        if settings.has_pages_thread
        else nullcontext(),
    ):
        yield AllWorkers(folder, process) if folder else process


@asynccontextmanager
async def _on_its_own(
    process: ThisProcess, database: Database
) -> AsyncIterator[ThisProcess]:
    """Give the thread a monitor that belongs to its own event loop."""
    settings = database.settings
    monitor = Monitor(settings.direct_dsn, application_name(settings, "pages"))
    try:
        yield replace(
            process,
            fetch=monitor.fetch,
            server_metrics=partial(server_metrics, monitor),
        )
    finally:
        await monitor.close()


@contextmanager
def meeting_place(workers: int) -> Iterator[None]:
    """Give workers to be started a folder to meet in, unless one is given."""
    if workers == 1 or os.environ.get("POOLWATCH_FOLDER"):
        yield
        return
    with TemporaryDirectory(prefix="poolwatch-") as folder:
        os.environ["POOLWATCH_FOLDER"] = folder
        yield


async def get_source(request: Request) -> PageSource:
    """Hand the source to an endpoint."""
    return request.state.source  # type: ignore[no-any-return]


SourceDep = Annotated[PageSource, Depends(get_source)]
