"""The application: settings in, a FastAPI app out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from fastapi import Depends, FastAPI
from prometheus_client import CollectorRegistry

import poolwatch
from app import api, error_handlers, health, metrics
from app.database import State, open_database
from app.errors import problems
from app.flags import FlagMiddleware
from app.lab import control
from app.lab.state import Lab
from app.lab.workshop import serving
from app.settings import Settings
from app.watch import get_source, open_source
from poolwatch.router import router as poolwatch_routes


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the service; the leaky half exists only where the lab is on."""
    settings = settings or Settings()
    ledger, reporter = poolwatch.Ledger(), poolwatch.Reporter()
    ledger.listeners.append(reporter)
    registry = CollectorRegistry()
    lab = Lab.of(settings, registry) if settings.lab_enabled else None

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        async with (
            open_database(settings, ledger) as database,
            open_source(database, reporter, registry) as source,
        ):
            state: State = {"database": database, "source": source}
            async with (
                lab.opened(state) if lab else nullcontext(state) as whole
            ):
                yield whole

    app = FastAPI(
        title="Order service",
        description="Orders, analytics and order processing over two"
        " connection pools: with leaks, and without.",
        lifespan=lifespan,
    )
    error_handlers.install(app)
    metrics.install(app, ledger, registry)
    app.include_router(health.router)
    api.mount(app)
    if lab:
        api.mount_lab(app)
        app.include_router(control.router)
        app.include_router(serving.router)
        app.router.routes += lab.exercises.routes
        app.include_router(
            poolwatch_routes(get_source),
            dependencies=[Depends(control.guard)],
            responses=problems(401),
        )
        app.add_middleware(FlagMiddleware, lab.flags, api.LESSONS)
    # Added last, so it stands outermost: a borrower ends after everything.
    app.add_middleware(poolwatch.Middleware, ledger)
    return app
