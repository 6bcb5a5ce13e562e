"""Mount the lab: endpoints that exist only where LAB_ENABLED is true."""

from fastapi import APIRouter, Depends, FastAPI
from prometheus_client import CollectorRegistry

import poolwatch
from app import api
from app.control import exercises, routes
from app.control.guard import guard
from app.control.state import Lab
from app.flags import FlagMiddleware
from app.settings import Settings
from app.web.errors import problems
from app.web.loans_source import get_source
from poolwatch.pages.router import router as poolwatch_routes


def install(
    app: FastAPI,
    settings: Settings,
    ledger: poolwatch.Ledger,
    registry: CollectorRegistry,
) -> None:
    """Mount every *before*, the further lessons, and the control endpoints."""
    lab = Lab.of(settings, ledger, registry)
    api.mount_lab(app)
    app.include_router(routes.router)
    app.include_router(exercises.router)
    app.exception_handler(exercises.BrokenFile)(exercises.respond_broken)
    app.include_router(lab.exercises.router())
    app.include_router(
        poolwatch_routes(get_source),
        dependencies=[Depends(guard)],
        responses=problems(401),
    )
    # A router's lifespan runs inside the lifespan of the application.
    app.include_router(APIRouter(lifespan=lab.lifespan))
    app.add_middleware(FlagMiddleware, lab.flags, api.LESSONS)
