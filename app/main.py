"""The application: settings in, a FastAPI app out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

import poolwatch
from app import api, error_handlers, health, metrics
from app.database import State, open_database
from app.flags import FlagMiddleware, Flags
from app.lab import control
from app.lab.control import LabState
from app.lab.waits import Waits
from app.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the service; the leaky half exists only where the lab is on."""
    settings = settings or Settings()
    ledger = poolwatch.Ledger()
    ledger.listeners.append(poolwatch.Reporter())
    flags = Flags(settings.flags_file)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        async with open_database(settings, ledger) as database:
            yield {"database": database}

    @asynccontextmanager
    async def lab_lifespan(_: FastAPI) -> AsyncIterator[LabState]:
        waits = Waits()
        ledger.listeners.append(waits)
        flags.open()
        try:
            async with open_database(settings, ledger) as database:
                yield {"database": database, "flags": flags, "waits": waits}
        finally:
            flags.close()

    app = FastAPI(
        title="Order service",
        description="Orders, analytics and order processing over two"
        " connection pools: with leaks, and without.",
        lifespan=lab_lifespan if settings.lab_enabled else lifespan,
    )
    error_handlers.install(app)
    metrics.install(app, ledger)
    app.include_router(health.router)
    api.mount(app)
    if settings.lab_enabled:
        api.mount_leaks(app)
        app.include_router(control.router)
        app.add_middleware(FlagMiddleware, flags, api.LESSONS)
    # Added last, so it stands outermost: a borrower ends after everything.
    app.add_middleware(poolwatch.Middleware, ledger)
    return app
