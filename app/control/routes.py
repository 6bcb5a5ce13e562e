"""The control endpoints: flags, backends, garbage collector, reset.

They require the lab's bearer token. They acquire no connection from a pool,
so they work while every pool is exhausted.
"""

import gc
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, StrictBool

from app.api import LESSONS
from app.control.guard import guard
from app.control.reset import Reclaimed, Reset, restore
from app.control.state import LabDep
from app.control.waits import WaitTimes
from app.database.sessions import DatabaseDep
from app.lesson import Variant
from app.web.errors import Problem, problems


class LessonNotFound(Problem):
    """There is no such lesson."""

    status = HTTPStatus.NOT_FOUND
    title = "Lesson not found"


class Flag(BaseModel):
    """The variant that serves a lesson's routes."""

    variant: Variant


class Collector(BaseModel):
    """Python's cyclic garbage collector."""

    enabled: StrictBool


class Collected(BaseModel):
    """The result of a forced collection."""

    unreachable: int = Field(description="Objects that it found.")
    loans_returned: int = Field(
        description="Leaked connections that the collection returned."
    )


class SlowProvider(BaseModel):
    """The simulated slow service that some lessons call."""

    answers: StrictBool = Field(description="If false, callers wait.")


class Orders(BaseModel):
    """The lock on the table `orders`."""

    locked: StrictBool


class Waiting(BaseModel):
    """The calls that wait for the provider."""

    waiting: int


class Backends(BaseModel):
    """The connections of one process, counted in two ways."""

    pooled: int = Field(description="Connections in its pools.")
    backends: int | None = Field(
        description="Connections that the server has for this process; null"
        " behind PgBouncer, because the server sees only PgBouncer's."
    )


router = APIRouter(
    prefix="/lab",
    tags=["lab"],
    dependencies=[Depends(guard)],
    responses=problems(401),
)


@router.get("/flags", responses=problems(409))
async def read_flags(lab: LabDep) -> dict[str, dict[str, object]]:
    """Return the flags of the file, with percentages."""
    return lab.flags.read()


@router.put("/flags/{lesson}", responses=problems(400, 404, 409, 413, 422))
async def set_flag(lesson: str, flag: Flag, lab: LabDep) -> Flag:
    """Set the variant that serves a lesson's routes, in every worker."""
    if lesson not in {known.name for known in LESSONS}:
        raise LessonNotFound(f"There is no lesson {lesson!r}.")
    lab.flags.write({lesson: flag.variant})
    return flag


@router.put("/gc", responses=problems(400, 413, 422))
async def switch_collector(collector: Collector) -> Collector:
    """Switch the garbage collector on or off; off, it hides no leak."""
    if collector.enabled:
        gc.enable()
    else:
        gc.disable()
    return collector


@router.post("/gc")
async def collect(database: DatabaseDep) -> Collected:
    """Run the garbage collector, and count the loans that it returned."""
    before = len(list(database.ledger.loans()))
    unreachable = gc.collect()
    left = len(list(database.ledger.loans()))
    return Collected(unreachable=unreachable, loans_returned=before - left)


@router.get("/provider")
async def count_calls(lab: LabDep) -> Waiting:
    """Count the calls that wait for the provider."""
    return Waiting(waiting=lab.provider.waiting)


@router.put("/provider", responses=problems(400, 413, 422))
async def switch_provider(asked: SlowProvider, lab: LabDep) -> SlowProvider:
    """Let the provider respond, or let its callers wait."""
    if asked.answers:
        lab.provider.resume()
    else:
        lab.provider.pause()
    return asked


@router.put("/orders", responses=problems(400, 413, 422, 503))
async def lock_orders(asked: Orders, lab: LabDep) -> Orders:
    """Lock the table `orders` for at most 20 seconds, or unlock it."""
    if asked.locked:
        await lab.table_lock.take()
    else:
        await lab.table_lock.release()
    return asked


@router.get("/backends", responses=problems(503))
async def count_backends(database: DatabaseDep) -> Backends:
    """Count connections in the pools and on the server.

    A connection that is in no pool is a leak as well.
    """
    books = database.ledger.books.values()
    return Backends(
        pooled=sum(b.gauge.checked_out() + b.gauge.idle() for b in books),
        backends=None
        if database.settings.behind_pgbouncer
        else await database.count_backends(),
    )


@router.get("/waits", responses=problems(422))
async def read_waits(
    lab: LabDep,
    skip: Annotated[
        int, Query(ge=0, description="Number of first waits to leave out.")
    ] = 0,
) -> WaitTimes:
    """Return percentiles of the newest 100,000 waits of the process."""
    return lab.waits.times(skip)


@router.post("/reclaim", responses=problems(503))
async def reclaim(database: DatabaseDep) -> Reclaimed:
    """End leaked connections, and change nothing else."""
    return Reclaimed(loans_freed=await database.end_leaks())


@router.post("/reset", responses=problems(409, 503))
async def reset(database: DatabaseDep, lab: LabDep) -> Reset:
    """Free all leaks, and undo what the lab changed.

    It resets flags, locks, processed orders and the garbage collector.
    """
    return await restore(database, lab)
