"""Provoke a scenario's fault over HTTP, and count it.

Everything is counted while nothing moves: when every request has ended, or
when every request waits for the provider, which the lab keeps silent. So a
busy machine changes no count.
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
    ask_loans,
    control,
    drained,
    looks,
    sites_of,
)
from lab.check.sending import send, together
from lab.check.target import Side
from poolwatch.pages.models import LoansPage

NO_POOL = "no pool knows them"
"""What stands in a line's place where a connection is in no pool."""

Fault = Literal["leaked", "held", "timed out", "blocked"]


@dataclass(frozen=True, slots=True)
class Found:
    """What a number of requests has done to the pools."""

    fault: Fault
    requests: int
    count: int
    stated: int | None
    """What the card promises of *before*; None where it is more than none."""
    sites: dict[str, int]
    """Loans by the line that borrowed."""

    def __str__(self) -> str:
        """Say it in a few words."""
        return f"{self.count} {self.fault} by {self.requests} requests"

    def is_as_stated(self, variant: Variant) -> bool:
        """Whether *before* has the fault, and *after* has not."""
        if variant == "after" or self.stated == 0:
            return self.count == 0
        return self.count > 0


async def provoke(
    client: httpx.AsyncClient,
    side: Side,
    scenario: Scenario,
    requests: int,
    at_once: int,
) -> Found:
    """Send a scenario so many times, and count what it does.

    Args:
        client: may use the control endpoints, and opens as many connections
            as it is asked to.
        side: whom to send it to.
        scenario: what to send, and which fault to count.
        requests: how many; a `Starvation` says it itself, and a `Block` is
            two.
        at_once: how many of those that leak are under way at once, unless
            they meet; of the other kinds all are.

    Raises:
        FaultError: the service does not come to rest, or gives answers that
            the card does not allow.
        httpx.HTTPError: it does not answer.

    """
    match scenario:
        case LongHold():
            return await _held(client, side, scenario, requests)
        case Starvation():
            return await _timed_out(client, side, scenario)
        case Block():
            return await _blocked(client, side, scenario)
        case _:
            return await _leaked(client, side, scenario, requests, at_once)


async def _leaked(
    client: httpx.AsyncClient,
    side: Side,
    scenario: Scenario,
    requests: int,
    at_once: int,
) -> Found:
    at_start = await drained(client)
    if scenario.meet:
        async with together(client, side, scenario, requests):
            pass
    else:
        await send(client, side, scenario, requests, at_once)
    at_end = await drained(
        client, {each * scenario.strays * requests for each in side.strays}
    )
    strays = at_end.strays - at_start.strays
    return Found(
        "leaked",
        requests,
        at_end.sites.total() - at_start.sites.total() + strays,
        (scenario.leaks + scenario.strays) * requests,
        dict(at_end.sites - at_start.sites)
        | ({NO_POOL: strays} if strays else {}),
    )


async def _held(
    client: httpx.AsyncClient,
    side: Side,
    scenario: LongHold,
    requests: int,
) -> Found:
    await drained(client)
    async with together(client, side, scenario, requests):
        held = sites_of(await ask_loans(client))
    return Found(
        "held",
        requests,
        held.total(),
        scenario.holds * requests,
        dict(held),
    )


async def _timed_out(
    client: httpx.AsyncClient,
    side: Side,
    scenario: Starvation,
) -> Found:
    await drained(client)
    before = await ask_loans(client)
    [capacity] = [
        pool.capacity or 0
        for pool in before.pools
        if pool.name == scenario.pool
    ]
    requests = max(2 * capacity, scenario.requests)
    if scenario.meet:
        async with together(client, side, scenario, requests):
            pass
    else:
        await send(client, side, scenario, requests, requests)
    await drained(client)
    after = await ask_loans(client)
    count = _timeouts(after) - _timeouts(before)
    return Found("timed out", requests, count, None, {})


async def _blocked(
    client: httpx.AsyncClient, side: Side, scenario: Block
) -> Found:
    await drained(client)
    await send(client, side, scenario, 1, 1)
    await drained(client)
    second = asyncio.create_task(send(client, side, scenario, 1, 1))
    try:
        blocking = await _blocking(client, second)
    finally:
        # Whoever waits for the lock goes on when its holder is taken back.
        while not second.done():
            await control(client, "POST", "/lab/reclaim")
            await asyncio.wait([second], timeout=POLL_SECONDS)
    await second
    return Found("blocked", 2, blocking.total(), 1, dict(blocking))


def _timeouts(page: LoansPage) -> int:
    return sum(pool.timeouts for pool in page.pools)


async def _blocking(
    client: httpx.AsyncClient, request: asyncio.Task[None]
) -> Counter[str]:
    """Wait until a request waits for the lock of a leak, or has ended."""
    async for page in looks(client):
        blocking = Counter(
            loan.site or "unknown"
            for loan in page.loans
            if loan.state == "leaked"
            and loan.activity
            and loan.activity.blocks
        )
        if blocking or request.done():
            return blocking
    message = "a request neither ends nor waits for a leak"
    raise FaultError(message)
