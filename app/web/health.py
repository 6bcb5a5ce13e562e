"""Probes: alive, and ready for traffic. Neither borrows a connection."""

import asyncio
from http import HTTPStatus
from typing import Literal

import asyncpg
from fastapi import APIRouter
from pydantic import BaseModel

from app.database.sessions import DatabaseDep
from app.web.errors import Problem, problems
from poolwatch import Book

router = APIRouter(tags=["probes"])

PATIENCE = 0.4
"""Seconds that a pool with nothing left has to get a connection back."""


class NotReady(Problem):
    """A pool is exhausted or the database is away."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    title = "Not ready"


class Health(BaseModel):
    """The response of a probe that passes."""

    status: Literal["ok"] = "ok"


@router.get("/healthz")
async def alive() -> Health:
    """Respond while the event loop runs, without a query to the database.

    A liveness probe that needs the database restarts every replica when the
    database is away, and heals nothing.
    """
    return Health()


@router.get("/readyz", responses=problems(503))
async def ready(database: DatabaseDep) -> Health:
    """Return 200 while a request could get a connection within a second."""
    books = database.ledger.books.values()
    exhausted = await asyncio.gather(*(_is_exhausted(b) for b in books))
    for book, empty in zip(books, exhausted, strict=True):
        if empty:
            raise NotReady(f"The {book.name} pool is exhausted.")
    try:
        await database.probe.fetch("SELECT 1")
    except (OSError, asyncpg.PostgresError) as error:
        raise NotReady("The database cannot answer now.") from error
    return Health()


async def _is_exhausted(book: Book) -> bool:
    """Whether a full pool stays full; a busy one gets connections back."""
    returned, waited = book.loans_ended, 0.0
    while book.full:
        if book.loans_ended > returned:
            return False
        if waited >= PATIENCE:
            return True
        await asyncio.sleep(0.05)
        waited += 0.05
    return False
