"""Poll the service's control endpoints until a condition holds.

These endpoints acquire no connection from a pool, so they respond while every
pool is exhausted.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Container
from dataclasses import dataclass
from typing import Any

import httpx

from poolwatch.pages.models import LoansPage

DRAIN_SECONDS = 10
"""Limit for requests to end."""
POLL_SECONDS = 0.02
STEADY_POLLS = 50
"""Polls in a row with the same result; then it is taken as final."""


class FaultError(Exception):
    """Requests do not end, or a response is not what the card expects."""


@dataclass(frozen=True, slots=True)
class OpenConnections:
    """Connections that are open when no request runs."""

    sites: Counter[str]
    strays: int
    """Connections that belong to no pool of the service."""


async def wait_until_idle(
    client: httpx.AsyncClient, expected: Container[int] = (0,)
) -> OpenConnections:
    """Wait until every request has ended, and count what is still open.

    Args:
        client: may use the control endpoints.
        expected: numbers of strays to wait for. If none of them is reached,
            the number is returned that has not changed for STEADY_POLLS.

    Raises:
        FaultError: a request does not end.

    """
    strays = borrowers = steady = 0
    async for page in poll_loans(client):
        borrowers = _borrowers(page)
        counted = await control(client, "GET", "/lab/backends")
        # Behind PgBouncer the service cannot count its backends.
        known = counted["backends"] or counted["pooled"]
        seen, strays = strays, max(0, known - counted["pooled"])
        steady = steady + 1 if seen == strays and not borrowers else 0
        if not borrowers and (strays in expected or steady >= STEADY_POLLS):
            break
    if borrowers:
        message = f"{borrowers} requests do not end"
        raise FaultError(message)
    return OpenConnections(sites_of(page), strays)


async def poll_loans(client: httpx.AsyncClient) -> AsyncIterator[LoansPage]:
    """Yield the page of loans again and again, for DRAIN_SECONDS."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + DRAIN_SECONDS
    while True:
        yield await read_loans(client)
        if loop.time() >= deadline:
            return
        await asyncio.sleep(POLL_SECONDS)


async def read_loans(client: httpx.AsyncClient) -> LoansPage:
    """Read the page of open loans."""
    page = await control(client, "GET", "/poolwatch/loans")
    return LoansPage.model_validate(page)


async def count_open(client: httpx.AsyncClient) -> int:
    """Count the open loans."""
    return len((await read_loans(client)).loans)


def _borrowers(page: LoansPage) -> int:
    return sum(process.borrowers for process in page.processes)


def sites_of(page: LoansPage) -> Counter[str]:
    """Count loans by the line that checked out the connection."""
    return Counter(loan.site or "unknown" for loan in page.loans)


async def control(
    client: httpx.AsyncClient,
    method: str,
    path: str,
    body: dict[str, bool] | None = None,
) -> dict[str, Any]:
    """Send a request to a control endpoint, and return its JSON."""
    answer = await client.request(method, path, json=body)
    answer.raise_for_status()
    return answer.json()  # type: ignore[no-any-return]
