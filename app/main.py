"""The application: settings in, a FastAPI app out."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from prometheus_client import CollectorRegistry, Gauge

import poolwatch
from app import api, error_handlers, health, metrics
from app.database import State, open_database
from app.errors import problems
from app.flags import FlagMiddleware, Flags
from app.lab import control
from app.lab.control import LabState
from app.lab.flag_metrics import FlagGauges
from app.lab.gc_metrics import collections_shown
from app.lab.reset import Beginning
from app.lab.table_lock import TableLock
from app.lab.waits import Waits
from app.lab.workshop import serving
from app.provider import Provider
from app.settings import Settings
from app.threads_engine import open_threads_engine
from app.watch import get_source, open_source
from poolwatch.router import router as poolwatch_routes


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the service; the leaky half exists only where the lab is on."""
    settings = settings or Settings()
    ledger, reporter = poolwatch.Ledger(), poolwatch.Reporter()
    ledger.listeners.append(reporter)
    registry = CollectorRegistry()
    flags = Flags(settings.flags_file)
    exercises = serving.Exercises(api.LESSONS)
    last_reset = Gauge(
        "lab_reset_timestamp_seconds",
        "When the lab was reset last, in Unix time; 0 if never",
        registry=registry if settings.lab_enabled else None,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        async with (
            open_database(settings, ledger) as database,
            open_source(database, reporter, registry) as source,
        ):
            yield {"database": database, "source": source}

    @asynccontextmanager
    async def lab_lifespan(app: FastAPI) -> AsyncIterator[LabState]:
        waits, table_lock = Waits(), TableLock(settings.dsn)
        beginning = Beginning(gc.isenabled(), last_reset)
        ledger.listeners.append(waits)
        flags.open()
        try:
            async with (
                lifespan(app) as state,
                open_threads_engine(settings, ledger) as threads_engine,
            ):
                with collections_shown(registry):
                    yield {
                        **state,
                        "beginning": beginning,
                        "flags": flags,
                        "provider": Provider(),
                        "table_lock": table_lock,
                        "threads_engine": threads_engine,
                        "waits": waits,
                        "exercises": exercises,
                    }
        finally:
            flags.close()
            await table_lock.release()

    app = FastAPI(
        title="Order service",
        description="Orders, analytics and order processing over two"
        " connection pools: with leaks, and without.",
        lifespan=lab_lifespan if settings.lab_enabled else lifespan,
    )
    error_handlers.install(app)
    metrics.install(app, ledger, registry)
    app.include_router(health.router)
    api.mount(app)
    if settings.lab_enabled:
        api.mount_lab(app)
        registry.register(FlagGauges(flags, api.LESSONS))
        app.include_router(control.router)
        app.include_router(serving.router)
        app.router.routes += exercises.routes
        app.include_router(
            poolwatch_routes(get_source),
            dependencies=[Depends(control.guard)],
            responses=problems(401),
        )
        app.add_middleware(FlagMiddleware, flags, api.LESSONS)
    # Added last, so it stands outermost: a borrower ends after everything.
    app.add_middleware(poolwatch.Middleware, ledger)
    return app
