"""The lab's control endpoints: flags, backends, collector, reset.

They want the lab's bearer token and borrow no connection, so that they work
while every pool is exhausted.
"""

import gc
import secrets
from http import HTTPStatus
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field

from app.api import LESSONS
from app.control.reset import Reclaimed, Reset, restore
from app.control.state import LabDep
from app.control.waits import WaitTimes
from app.database.sessions import DatabaseDep
from app.lesson import Variant
from app.web.errors import Problem, problems


class Unauthorized(Problem):
    """The lab's control endpoints want its token."""

    status = HTTPStatus.UNAUTHORIZED
    title = "Unauthorized"
    headers: ClassVar = {"WWW-Authenticate": "Bearer"}

    def __init__(self) -> None:
        """Say which token."""
        super().__init__("Send the lab's token: Authorization: Bearer …")


class LessonNotFound(Problem):
    """There is no such lesson."""

    status = HTTPStatus.NOT_FOUND
    title = "Lesson not found"


class Flag(BaseModel):
    """Who answers a lesson's routes."""

    variant: Variant


class Collector(BaseModel):
    """Python's cyclic garbage collector."""

    enabled: bool


class Collected(BaseModel):
    """What a forced collection found."""

    unreachable: int = Field(description="Objects that were garbage.")
    loans_returned: int


class SlowProvider(BaseModel):
    """Somebody else's slow service, which the lessons call."""

    answers: bool


class Orders(BaseModel):
    """The table, which a migration might hold."""

    locked: bool


class Waiting(BaseModel):
    """Who waits for the provider."""

    waiting: int = Field(description="Calls that it keeps waiting.")


class Backends(BaseModel):
    """One process's connections, counted on both sides."""

    pooled: int = Field(description="Connections that its pools know.")
    backends: int | None = Field(
        description="Connections that the server knows; null behind"
        " PgBouncer, where it knows those of PgBouncer alone."
    )


async def guard(
    given: Annotated[
        HTTPAuthorizationCredentials | None,
        Depends(HTTPBearer(auto_error=False, description="The lab's token.")),
    ],
    database: DatabaseDep,
) -> None:
    """Let only those in who know the lab's token."""
    wanted = database.settings.lab_token
    if (
        given is None
        or wanted is None
        or not secrets.compare_digest(
            given.credentials.encode(), wanted.get_secret_value().encode()
        )
    ):
        raise Unauthorized


router = APIRouter(
    prefix="/lab",
    tags=["lab"],
    dependencies=[Depends(guard)],
    responses=problems(401),
)


@router.get("/flags", responses=problems(409))
async def read_flags(lab: LabDep) -> dict[str, dict[str, object]]:
    """Answer the flags as the file has them, percentages included."""
    return lab.flags.read()


@router.put("/flags/{lesson}", responses=problems(404, 409, 422))
async def set_flag(lesson: str, flag: Flag, lab: LabDep) -> Flag:
    """Choose who answers a lesson's routes, in every worker."""
    if lesson not in {known.name for known in LESSONS}:
        raise LessonNotFound(f"There is no lesson {lesson!r}.")
    lab.flags.write({lesson: flag.variant})
    return flag


@router.put("/gc", responses=problems(422))
async def switch_collector(collector: Collector) -> Collector:
    """Switch the cyclic garbage collector, so that it hides no leak."""
    if collector.enabled:
        gc.enable()
    else:
        gc.disable()
    return collector


@router.post("/gc")
async def collect(database: DatabaseDep) -> Collected:
    """Force a collection, and say how many loans it brought back."""
    lent = len(list(database.ledger.loans()))
    unreachable = gc.collect()
    left = len(list(database.ledger.loans()))
    return Collected(unreachable=unreachable, loans_returned=lent - left)


@router.get("/provider")
async def count_calls(lab: LabDep) -> Waiting:
    """Count the calls that the silent provider keeps waiting."""
    return Waiting(waiting=lab.provider.waiting)


@router.put("/provider", responses=problems(422))
async def switch_provider(asked: SlowProvider, lab: LabDep) -> SlowProvider:
    """Let the provider answer, or let its callers wait."""
    if asked.answers:
        lab.provider.answer()
    else:
        lab.provider.fall_silent()
    return asked


@router.put("/orders", responses=problems(422, 503))
async def lock_orders(asked: Orders, lab: LabDep) -> Orders:
    """Lock the orders, or let go of them; at most for 20 seconds."""
    if asked.locked:
        await lab.table_lock.take()
    else:
        await lab.table_lock.release()
    return asked


@router.get("/backends", responses=problems(503))
async def count_backends(database: DatabaseDep) -> Backends:
    """Count connections on both sides; what no pool knows is a leak too."""
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
        int, Query(ge=0, description="Waits to leave out: the first ones.")
    ] = 0,
) -> WaitTimes:
    """Sum up how long borrowers waited since the process began."""
    return lab.waits.times(skip)


@router.post("/reclaim", responses=problems(503))
async def reclaim(database: DatabaseDep) -> Reclaimed:
    """Take back what is leaked, and change nothing else."""
    return Reclaimed(loans_freed=await database.end_leaks())


@router.post("/reset", responses=problems(409, 503))
async def reset(database: DatabaseDep, lab: LabDep) -> Reset:
    """Put all back as it began: loans, backends, flags, locks, collector."""
    return await restore(database, lab)
