"""The pages' data: of one process, or of several processes joined.

Each field of a page is a list, and each row names its process, so that the
pages of several workers join into one page with longer lists.
"""

from collections.abc import Mapping
from typing import Protocol, Self

from poolwatch.activity import Activity
from poolwatch.extras import extra
from poolwatch.findings import Finding
from poolwatch.loan import State
from poolwatch.verdict import Cause

with extra("web"):
    from pydantic import BaseModel, Field


class Page(BaseModel):
    """A page that several processes' pages can be joined into."""

    silent: list[int] = Field(
        default=[], description="Processes that did not answer in time."
    )

    @classmethod
    def joined(cls, bodies: Mapping[int, bytes | None]) -> Self:
        """Join pages in JSON by process id; None stands for a silent one."""
        pages = [
            cls.model_validate_json(body)
            for body in bodies.values()
            if body is not None
        ]
        rows = {
            field: [row for page in pages for row in getattr(page, field)]
            for field in cls.model_fields
        }
        silent = [process for process in bodies if bodies[process] is None]
        return cls(**rows | {"silent": silent})


class Diagnosis(BaseModel):
    """The reason why borrowers of a pool wait."""

    cause: Cause
    because: str
    cure: str


class PoolStatus(BaseModel):
    """One pool of one process, as it is now."""

    process: int
    name: str
    lent: int
    idle: int
    waiting: int = Field(description="Borrowers that wait for a connection.")
    capacity: int | None = Field(
        description="The most it opens; null where it has no limit."
    )
    oldest_seconds: float = Field(description="Age of its oldest loan.")
    timeouts: int = Field(
        description="Waits that ended in the pool's timeout."
    )
    leaks: int = Field(description="Leaks since the pool was opened.")
    garbage_collected: int = Field(
        description="Returned by Python's garbage collector."
    )
    holders: str = Field(description="The lines that hold most of it.")
    verdict: Diagnosis | None = Field(
        description="Why borrowers wait; null if nothing makes them wait."
    )


class OpenLoan(BaseModel):
    """One connection that is checked out now, and its borrower."""

    process: int
    pool: str
    pid: int | None = Field(description="The backend behind it.")
    state: State
    age_seconds: float
    borrower: str | None = Field(examples=["GET /orders/{order_id}"])
    route: str | None = Field(examples=["/orders/{order_id}"])
    request_id: str | None
    traceparent: str | None
    site: str | None = Field(
        description="The line that borrowed.",
        examples=["app/orders/before.py:17 list_orders"],
    )
    stack: list[str] = Field(
        description="The calls that led there, innermost first."
    )
    intended: str | None = Field(
        default=None, description="Why it is kept on purpose, if it is."
    )
    activity: Activity | None = Field(
        description="Its row in pg_stat_activity, if that could be read."
    )


class ProcessStatus(BaseModel):
    """One process of the service."""

    process: int = Field(description="Its id.")
    borrowers: int = Field(
        description="Requests and jobs that run, without this request."
    )
    lag_seconds: float = Field(description="How late its event loop is.")
    replica: str | None = Field(
        default=None, description="The copy of the service that it belongs to."
    )
    note: str | None = Field(
        description="Why pg_stat_activity was not read, if it was not."
    )


class LoansPage(Page):
    """Every open loan, its borrower, age and line."""

    processes: list[ProcessStatus]
    pools: list[PoolStatus]
    loans: list[OpenLoan]


class LeakSite(BaseModel):
    """One line of code whose loans outlived their borrowers."""

    process: int
    pool: str
    borrower: str | None
    site: str | None
    leaks: int = Field(description="Since the pool was opened.")


class ProcessFinding(BaseModel):
    """One finding, and its process."""

    process: int
    finding: Finding


class LeaksPage(Page):
    """The lines that leak, and the latest findings."""

    sites: list[LeakSite]
    findings: list[ProcessFinding] = Field(
        description="A process's newest first."
    )


class PageSource(Protocol):
    """Where pages come from: one process, or all workers of a service."""

    async def loans(self) -> LoansPage:
        """Read the open loans."""
        ...

    async def leaks(self) -> LeaksPage:
        """Read the latest findings."""
        ...

    async def metrics(self) -> bytes:
        """Read all metrics in Prometheus' text format."""
        ...
