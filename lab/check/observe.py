"""Look at the service from outside, until what is waited for has come about.

All of it goes over the lab's control endpoints, which borrow from no pool.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Container
from dataclasses import dataclass
from typing import Any

import httpx

from poolwatch.pages.models import LoansPage

DRAIN_SECONDS = 10
POLL_SECONDS = 0.02
STEADY_LOOKS = 50
"""Looks in a row that see the same: whatever was to end has ended."""


class FaultError(Exception):
    """The service does not come to rest, or answers what it should not."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is lent once no request is at work."""

    sites: Counter[str]
    strays: int
    """Connections that the server has and no pool knows."""


async def drained(
    client: httpx.AsyncClient, expected: Container[int] = (0,)
) -> Standing:
    """Wait until every request has ended, and no more strays are to go.

    Where none of the numbers that are expected comes about, what is there is
    counted once it has not changed for a while.
    """
    strays = borrowers = steady = 0
    async for page in looks(client):
        borrowers = _borrowers(page)
        counted = await control(client, "GET", "/lab/backends")
        # Behind PgBouncer nobody can say which backends are the service's.
        known = counted["backends"] or counted["pooled"]
        seen, strays = strays, max(0, known - counted["pooled"])
        steady = steady + 1 if seen == strays and not borrowers else 0
        if not borrowers and (strays in expected or steady >= STEADY_LOOKS):
            break
    if borrowers:
        message = f"{borrowers} requests do not end"
        raise FaultError(message)
    return Standing(sites_of(page), strays)


async def looks(client: httpx.AsyncClient) -> AsyncIterator[LoansPage]:
    """Look again and again, at most as long as draining may take."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + DRAIN_SECONDS
    while True:
        yield await ask_loans(client)
        if loop.time() >= deadline:
            return
        await asyncio.sleep(POLL_SECONDS)


async def ask_loans(client: httpx.AsyncClient) -> LoansPage:
    """Ask what is lent."""
    page = await control(client, "GET", "/poolwatch/loans")
    return LoansPage.model_validate(page)


async def count_open(client: httpx.AsyncClient) -> int:
    """Count what is lent now."""
    return len((await ask_loans(client)).loans)


def _borrowers(page: LoansPage) -> int:
    return sum(process.borrowers for process in page.processes)


def sites_of(page: LoansPage) -> Counter[str]:
    """Count loans by the line that borrowed."""
    return Counter(loan.site or "unknown" for loan in page.loans)


async def control(
    client: httpx.AsyncClient,
    method: str,
    path: str,
    body: dict[str, bool] | None = None,
) -> dict[str, Any]:
    """Ask one of the lab's control endpoints."""
    answer = await client.request(method, path, json=body)
    answer.raise_for_status()
    return answer.json()  # type: ignore[no-any-return]
