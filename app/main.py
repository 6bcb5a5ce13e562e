"""The application: settings in, a FastAPI app out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

import poolwatch
from app import api
from app.control.install import install as install_lab
from app.database.pools import State, open_database
from app.settings import Settings
from app.tuned_gc import tuned_gc
from app.web import error_handlers, health, metrics, openapi
from app.web.loans_source import open_source
from poolwatch.pages.allowed_hosts import AllowedHosts


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the service; the leaky half exists only where the lab is on."""
    settings = settings or Settings()
    ledger, reporter = poolwatch.Ledger(), poolwatch.Reporter()
    ledger.listeners.append(reporter)
    registry = CollectorRegistry()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        async with (
            open_database(settings, ledger) as database,
            open_source(database, reporter, registry) as source,
        ):
            with tuned_gc() if settings.gc_tuned else nullcontext():
                yield {"database": database, "source": source}

    app = FastAPI(
        title="Order service",
        description="Orders, analytics and order processing over two"
        " connection pools: with leaks, and without.",
        lifespan=lifespan,
    )
    openapi.describe(app)
    error_handlers.install(app)
    metrics.install(app, ledger, registry)
    app.include_router(health.router)
    if not settings.lab_enabled:
        api.hide_lab(app)  # before what would match the same paths
    api.mount(app)
    if settings.lab_enabled:
        install_lab(app, settings, ledger, registry)
    app.add_middleware(AllowedHosts, settings.allowed_hosts)
    # Added last, so it stands outermost: a borrower ends after everything.
    app.add_middleware(poolwatch.Middleware, ledger)
    return app
