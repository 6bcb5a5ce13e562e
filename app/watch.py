"""Who can be asked for what is lent: this process, or all workers at once.

Where the settings want it, a thread with an event loop of its own answers as
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

from app.database import Database
from app.monitor import Monitor
from poolwatch import Reporter
from poolwatch.lookout import lookout
from poolwatch.process import ThisProcess
from poolwatch.report import Source
from poolwatch.workers import AllWorkers


@asynccontextmanager
async def open_source(
    database: Database, reporter: Reporter, registry: CollectorRegistry
) -> AsyncIterator[Source]:
    """Answer for this process, and ask its fellows where there are any."""
    settings = database.settings
    process = ThisProcess(
        database.ledger,
        reporter,
        database.watchdog,
        database.monitor.fetch,
        partial(generate_latest, registry),
    )
    port, folder = settings.poolwatch_port, settings.poolwatch_folder
    with (
        lookout(_on_its_own(process, database), port, folder)
        if settings.has_lookout
        else nullcontext()
    ):
        yield AllWorkers(folder) if folder else process


@asynccontextmanager
async def _on_its_own(
    process: ThisProcess, database: Database
) -> AsyncIterator[ThisProcess]:
    """Give the thread a monitor that belongs to its own event loop."""
    settings = database.settings
    monitor = Monitor(settings.dsn, settings.connection_name("lookout"))
    try:
        yield replace(process, fetch=monitor.fetch)
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


async def get_source(request: Request) -> Source:
    """Hand the source to an endpoint."""
    return request.state.source  # type: ignore[no-any-return]


SourceDep = Annotated[Source, Depends(get_source)]
