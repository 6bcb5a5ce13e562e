"""Provoke a scenario's fault over HTTP, and count it.

Everything is counted while nothing moves: when every request has ended, or
when every request waits for the provider, which the lab keeps silent. So a
busy machine changes no count.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from app.lesson import Block, LongHold, Scenario, Starvation, Variant
from poolwatch.report import Loans

DRAIN_SECONDS = 10
POLL_SECONDS = 0.02
NO_POOL = "no pool knows them"
"""What stands in a line's place where a connection is in no pool."""

Fault = Literal["leaked", "held", "timed out", "blocked"]
Answer = int
"""A status; of a WebSocket, 200 where it has answered."""


class FaultError(Exception):
    """The service does not come to rest, or answers what it should not."""


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
    variant: Variant,
    scenario: Scenario,
    requests: int,
    at_once: int,
) -> Found:
    """Send a scenario so many times, and count what it does.

    Args:
        client: may use the control endpoints, and opens as many connections
            as it is asked to.
        variant: which side of the lesson.
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
            return await _held(client, variant, scenario, requests)
        case Starvation():
            return await _timed_out(client, variant, scenario)
        case Block():
            return await _blocked(client, variant, scenario)
        case _:
            return await _leaked(client, variant, scenario, requests, at_once)


async def _leaked(
    client: httpx.AsyncClient,
    variant: Variant,
    scenario: Scenario,
    requests: int,
    at_once: int,
) -> Found:
    at_start = await _drained(client)
    if scenario.meet:
        async with _together(client, variant, scenario, requests):
            pass
    else:
        await _send(client, variant, scenario, requests, at_once)
    at_end = await _drained(
        client, scenario.strays * requests if variant == "before" else 0
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
    variant: Variant,
    scenario: LongHold,
    requests: int,
) -> Found:
    await _drained(client)
    async with _together(client, variant, scenario, requests):
        held = _sites(await _loans(client))
    return Found(
        "held",
        requests,
        held.total(),
        scenario.holds * requests,
        dict(held),
    )


async def _timed_out(
    client: httpx.AsyncClient,
    variant: Variant,
    scenario: Starvation,
) -> Found:
    await _drained(client)
    before = await _loans(client)
    [capacity] = [
        pool.capacity or 0
        for pool in before.pools
        if pool.name == scenario.pool
    ]
    requests = max(2 * capacity, scenario.requests)
    if scenario.meet:
        async with _together(client, variant, scenario, requests):
            pass
    else:
        await _send(client, variant, scenario, requests, requests)
    await _drained(client)
    after = await _loans(client)
    count = _timeouts(after) - _timeouts(before)
    return Found("timed out", requests, count, None, {})


async def _blocked(
    client: httpx.AsyncClient, variant: Variant, scenario: Block
) -> Found:
    await _drained(client)
    await _send(client, variant, scenario, 1, 1)
    await _drained(client)
    second = asyncio.create_task(_send(client, variant, scenario, 1, 1))
    try:
        blocking = await _blocking(client, second)
    finally:
        # Whoever waits for the lock goes on when a reset has ended its holder.
        while not second.done():
            await control(client, "POST", "/lab/reset")
            await asyncio.wait([second], timeout=POLL_SECONDS)
    await second
    return Found("blocked", 2, blocking.total(), 1, dict(blocking))


def _timeouts(page: Loans) -> int:
    return sum(pool.timeouts for pool in page.pools)


@asynccontextmanager
async def _together(
    client: httpx.AsyncClient,
    variant: Variant,
    scenario: Scenario,
    requests: int,
) -> AsyncIterator[None]:
    """Send all at once; the block runs when they have met, before they go on.

    All have been answered when it is left.
    """
    lent = len((await _loans(client)).loans)
    at_orders = scenario.meet == "orders"
    async with (_locked_orders if at_orders else _silent_provider)(client):
        sending = asyncio.create_task(
            _send(client, variant, scenario, requests, requests)
        )
        try:
            if at_orders:
                await _all_lent(client, lent + requests)
            else:
                await _all_waiting(client, requests)
            yield
        except BaseException:
            sending.cancel()
            raise
    await sending


async def _send(
    client: httpx.AsyncClient,
    variant: Variant,
    scenario: Scenario,
    requests: int,
    at_once: int,
) -> None:
    """Send all, and hold the answers against the card."""
    ask = _ask_socket if scenario.method == "WEBSOCKET" else _ask
    turn = asyncio.Semaphore(at_once)

    async def in_turn() -> Answer:
        async with turn:
            return await ask(client, variant, scenario)

    answers = await asyncio.gather(*(in_turn() for _ in range(requests)))
    allowed = {int(scenario.status)}
    if variant == "before":  # which may have exhausted a pool
        allowed |= {500, 503}
    wrong = {*answers} - allowed
    if wrong:
        message = (
            f"{scenario.name}, {variant}: answered {sorted(wrong)},"
            f" wanted {int(scenario.status)}"
        )
        raise FaultError(message)


async def _ask(
    client: httpx.AsyncClient, variant: Variant, scenario: Scenario
) -> Answer:
    answer = await client.request(
        scenario.method, f"/{variant}{scenario.path}", json=scenario.body
    )
    return answer.status_code


async def _ask_socket(
    client: httpx.AsyncClient, variant: Variant, scenario: Scenario
) -> Answer:
    url = client.base_url.copy_with(scheme="ws").join(
        f"/{variant}{scenario.path}"
    )
    try:
        async with connect(str(url)) as socket:
            await socket.send(json.dumps(scenario.body))
            await socket.recv()
    except InvalidStatus as refused:
        return refused.response.status_code
    except ConnectionClosedError:
        return HTTPStatus.INTERNAL_SERVER_ERROR
    return HTTPStatus.OK


@dataclass(frozen=True, slots=True)
class Standing:
    """What is lent once no request is at work."""

    sites: Counter[str]
    strays: int
    """Connections that the server has and no pool knows."""


async def _drained(client: httpx.AsyncClient, expected: int = 0) -> Standing:
    """Wait until every request has ended, and no more strays are to go.

    Where those that are expected do not come about, what is there is counted
    in the end.
    """
    strays = borrowers = 0
    async for page in _looks(client):
        borrowers = _borrowers(page)
        counted = await control(client, "GET", "/lab/backends")
        # Behind PgBouncer nobody can say which backends are the service's.
        known = counted["backends"] or counted["pooled"]
        strays = max(0, known - counted["pooled"])
        if not borrowers and strays == expected:
            break
    if borrowers:
        message = f"{borrowers} requests do not end"
        raise FaultError(message)
    return Standing(_sites(page), strays)


async def _all_waiting(client: httpx.AsyncClient, requests: int) -> None:
    """Wait until each request waits for the provider, or for the pool."""
    async for page in _looks(client):
        provider = await control(client, "GET", "/lab/provider")
        for_a_pool = sum(
            pool.waiting for pool in page.pools if pool.lent == pool.capacity
        )
        if provider["waiting"] + for_a_pool == requests:
            return
    message = f"not all of {requests} requests come to the slow part"
    raise FaultError(message)


async def _all_lent(client: httpx.AsyncClient, loans: int) -> None:
    """Wait until so many are lent, or all that a pool has."""
    async for page in _looks(client):
        if len(page.loans) >= loans or any(
            pool.lent == pool.capacity for pool in page.pools
        ):
            return
    message = "the requests do not come together"
    raise FaultError(message)


async def _blocking(
    client: httpx.AsyncClient, request: asyncio.Task[None]
) -> Counter[str]:
    """Wait until a request waits for the lock of a leak, or has ended."""
    async for page in _looks(client):
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


@asynccontextmanager
async def _locked_orders(client: httpx.AsyncClient) -> AsyncIterator[None]:
    await control(client, "PUT", "/lab/orders", {"locked": True})
    try:
        yield
    finally:
        await control(client, "PUT", "/lab/orders", {"locked": False})


@asynccontextmanager
async def _silent_provider(client: httpx.AsyncClient) -> AsyncIterator[None]:
    await control(client, "PUT", "/lab/provider", {"answers": False})
    try:
        yield
    finally:
        await control(client, "PUT", "/lab/provider", {"answers": True})


async def _looks(client: httpx.AsyncClient) -> AsyncIterator[Loans]:
    """Look again and again, at most as long as draining may take."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + DRAIN_SECONDS
    while True:
        yield await _loans(client)
        if loop.time() >= deadline:
            return
        await asyncio.sleep(POLL_SECONDS)


async def _loans(client: httpx.AsyncClient) -> Loans:
    page = await control(client, "GET", "/poolwatch/loans")
    return Loans.model_validate(page)


async def count_open(client: httpx.AsyncClient) -> int:
    """Count what is lent now."""
    return len((await _loans(client)).loans)


def _borrowers(page: Loans) -> int:
    return sum(process.borrowers for process in page.processes)


def _sites(page: Loans) -> Counter[str]:
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
