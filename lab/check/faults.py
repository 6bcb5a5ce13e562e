"""Provoke a scenario's fault over HTTP, and count it.

Connections are counted when nothing changes: when every request has ended, or
while every request waits for the provider or for a table lock. So the load of
the machine changes no count.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Literal

import httpx

from app.lesson import Block, LongHold, Scenario, Starvation, Variant
from lab.check.observe import (
    POLL_SECONDS,
    FaultError,
    control,
    poll_loans,
    read_loans,
    sites_of,
    wait_until_idle,
)
from lab.check.sending import send, sent_together
from lab.check.target import Target
from poolwatch.pages.models import LoansPage

NO_POOL = "in no pool of the service"
"""Shown instead of a line where a connection belongs to no pool."""

Fault = Literal["leaked", "held", "timed out", "blocked"]


@dataclass(frozen=True, slots=True)
class FaultCount:
    """How often a number of requests had a fault."""

    fault: Fault
    requests: int
    count: int
    expected: int | None
    """The count of *before* by its card; None for any number above 0."""
    sites: dict[str, int]
    """Loans by the line that checked out the connection."""

    def __str__(self) -> str:
        """Return the count in words, for the terminal."""
        return f"{self.count} {self.fault} by {self.requests} requests"

    def is_as_expected(self, variant: Variant) -> bool:
        """Whether *before* has the fault, or *after* does not."""
        if variant == "after" or self.expected == 0:
            return self.count == 0
        return self.count > 0


async def provoke(
    client: httpx.AsyncClient,
    target: Target,
    scenario: Scenario,
    requests: int,
    at_once: int,
) -> FaultCount:
    """Send a scenario's requests, and count its fault.

    Args:
        client: may use the control endpoints, and opens any number of
            connections.
        target: the routes to use.
        scenario: the request to send; its class is the fault to count.
        requests: how many requests; a `Starvation` sets the number itself,
            and a `Block` sends two.
        at_once: how many requests of a leak run at once. All requests of
            other faults do, and those of a scenario with `meet`.

    Raises:
        FaultError: requests do not end, or the card does not allow the
            status of a response.
        httpx.HTTPError: the service does not respond.

    """
    match scenario:
        case LongHold():
            return await _held(client, target, scenario, requests)
        case Starvation():
            return await _timed_out(client, target, scenario)
        case Block():
            return await _blocked(client, target, scenario)
        case _:
            return await _leaked(client, target, scenario, requests, at_once)


async def _leaked(
    client: httpx.AsyncClient,
    target: Target,
    scenario: Scenario,
    requests: int,
    at_once: int,
) -> FaultCount:
    at_start = await wait_until_idle(client)
    if scenario.meet:
        async with sent_together(client, target, scenario, requests):
            pass
    else:
        await send(client, target, scenario, requests, at_once)
    at_end = await wait_until_idle(
        client, {each * scenario.strays * requests for each in target.strays}
    )
    strays = at_end.strays - at_start.strays
    return FaultCount(
        "leaked",
        requests,
        at_end.sites.total() - at_start.sites.total() + strays,
        (scenario.leaks + scenario.strays) * requests,
        dict(at_end.sites - at_start.sites)
        | ({NO_POOL: strays} if strays else {}),
    )


async def _held(
    client: httpx.AsyncClient,
    target: Target,
    scenario: LongHold,
    requests: int,
) -> FaultCount:
    await wait_until_idle(client)
    async with sent_together(client, target, scenario, requests):
        held = sites_of(await read_loans(client))
    return FaultCount(
        "held",
        requests,
        held.total(),
        scenario.holds * requests,
        dict(held),
    )


async def _timed_out(
    client: httpx.AsyncClient,
    target: Target,
    scenario: Starvation,
) -> FaultCount:
    await wait_until_idle(client)
    before = await read_loans(client)
    [capacity] = [
        pool.capacity or 0
        for pool in before.pools
        if pool.name == scenario.pool
    ]
    requests = max(2 * capacity, scenario.requests)
    if scenario.meet:
        async with sent_together(client, target, scenario, requests):
            pass
    else:
        await send(client, target, scenario, requests, requests)
    await wait_until_idle(client)
    after = await read_loans(client)
    count = _timeouts(after) - _timeouts(before)
    return FaultCount("timed out", requests, count, None, {})


async def _blocked(
    client: httpx.AsyncClient, target: Target, scenario: Block
) -> FaultCount:
    await wait_until_idle(client)
    await send(client, target, scenario, 1, 1)
    await wait_until_idle(client)
    second = asyncio.create_task(send(client, target, scenario, 1, 1))
    try:
        blocking = await _blocking(client, second)
    finally:
        # Ending the leaked connection releases the lock.
        while not second.done():
            await control(client, "POST", "/lab/reclaim")
            await asyncio.wait([second], timeout=POLL_SECONDS)
    await second
    return FaultCount("blocked", 2, blocking.total(), 1, dict(blocking))


def _timeouts(page: LoansPage) -> int:
    return sum(pool.timeouts for pool in page.pools)


async def _blocking(
    client: httpx.AsyncClient, request: asyncio.Task[None]
) -> Counter[str]:
    """Wait until the request waits for a leak's lock, or has ended."""
    async for page in poll_loans(client):
        blocking = Counter(
            loan.site or "unknown"
            for loan in page.loans
            if loan.state == "leaked"
            and loan.activity
            and loan.activity.blocks
        )
        if blocking or request.done():
            return blocking
    message = "a request neither ends nor waits for a leaked connection"
    raise FaultError(message)
