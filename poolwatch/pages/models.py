"""What can be looked at: the pages of one process, or of several at once.

Each row names the process it comes from, and each field of a page is a list,
so that the pages of several workers are one page with longer lists.
"""

from collections.abc import Sequence
from typing import Protocol, Self

from poolwatch.activity import Activity
from poolwatch.extras import extra
from poolwatch.findings import Finding
from poolwatch.loan import State
from poolwatch.verdict import Cause

with extra("web"):
    from pydantic import BaseModel, Field


class Page(BaseModel):
    """A page that can be put together from several processes' pages."""

    silent: list[int] = Field(
        default=[], description="Processes that did not answer in time."
    )

    @classmethod
    def of_all(cls, pages: Sequence[Self]) -> Self:
        """Put the pages of several processes together."""
        return cls(
            **{
                field: [row for page in pages for row in getattr(page, field)]
                for field in cls.model_fields
            }
        )


class Diagnosis(BaseModel):
    """Why the borrowers of a pool wait."""

    cause: Cause
    because: str
    cure: str


class Pool(BaseModel):
    """One pool of one process, as it is now."""

    process: int
    name: str
    lent: int
    idle: int
    waiting: int = Field(description="Borrowers that wait for a connection.")
    capacity: int | None = Field(
        description="The most it lends at once; null where nothing limits it."
    )
    oldest_seconds: float = Field(description="Age of its oldest loan.")
    timeouts: int = Field(description="Waits that ended without one.")
    leaks: int = Field(description="Leaks since the pool was opened.")
    garbage_collected: int = Field(
        description="Returned by Python's garbage collector."
    )
    holders: str = Field(description="The lines that hold most of it.")
    verdict: Diagnosis | None = Field(
        description="Why borrowers wait; null where nobody has reason to."
    )


class OpenLoan(BaseModel):
    """One connection that is lent right now, and to whom."""

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
    stack: list[str] = Field(description="The same, innermost line first.")
    activity: Activity | None = Field(
        description="Its row in pg_stat_activity, where that could be read."
    )


class Process(BaseModel):
    """One process that has pools."""

    process: int = Field(description="Its id.")
    borrowers: int = Field(
        description="Requests and jobs at work, the asking one apart."
    )
    lag_seconds: float = Field(description="How late its event loop is.")
    replica: str | None = Field(
        default=None, description="Which copy of the service it belongs to."
    )
    note: str | None = Field(
        description="Why pg_stat_activity could not be read, if it was not."
    )


class Loans(Page):
    """Who holds each connection, since when, and from which line."""

    processes: list[Process]
    pools: list[Pool]
    loans: list[OpenLoan]


class LeakSite(BaseModel):
    """One line of code whose loans outlived their borrowers."""

    process: int
    pool: str
    borrower: str | None
    site: str | None
    leaks: int = Field(description="Since the pool was opened.")


class Found(BaseModel):
    """One finding, and the process that made it."""

    process: int
    finding: Finding


class Leaks(Page):
    """What has been found lately: which lines leak, and each finding."""

    sites: list[LeakSite]
    findings: list[Found] = Field(description="A process's newest first.")


class Source(Protocol):
    """Whom to ask: one process, or all workers of a service."""

    async def loans(self) -> Loans:
        """Who holds what, right now."""
        ...

    async def leaks(self) -> Leaks:
        """What was found lately."""
        ...

    async def metrics(self) -> bytes:
        """All metrics in Prometheus' text format."""
        ...
