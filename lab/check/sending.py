"""Send a scenario's requests, some at once or all of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import httpx

from app.lesson import Scenario
from lab.check.observe import FaultError, control, poll_loans, read_loans
from lab.check.target import Target
from lab.load.request import Answer, open_session, send_scenario


@asynccontextmanager
async def sent_together(
    client: httpx.AsyncClient,
    target: Target,
    scenario: Scenario,
    requests: int,
) -> AsyncIterator[None]:
    """Send all at once, and run the block while all of them wait.

    All requests have ended when the block has been left.
    """
    before = len((await read_loans(client)).loans)
    at_orders = scenario.meet == "orders"
    async with (_locked_orders if at_orders else _silent_provider)(client):
        sending = asyncio.create_task(
            send(client, target, scenario, requests, requests)
        )
        try:
            if at_orders:
                await _all_checked_out(client, before + requests)
            else:
                await _all_waiting(client, requests)
            yield
        except BaseException:
            sending.cancel()
            raise
    await sending


async def send(
    client: httpx.AsyncClient,
    target: Target,
    scenario: Scenario,
    requests: int,
    at_once: int,
) -> None:
    """Send requests, and compare their status with the card's.

    Raises:
        FaultError: a response has another status.

    """
    turn = asyncio.Semaphore(at_once)

    async def in_turn() -> int:
        async with turn:
            return (await send_once(client, target, scenario)).status

    statuses = await asyncio.gather(*(in_turn() for _ in range(requests)))
    expected = int(scenario.status)
    wrong = {each for each in statuses if not target.allows(each, expected)}
    if wrong:
        message = (
            f"{scenario.name}, {target.name}: returned status"
            f" {sorted(wrong)}, expected {expected}"
        )
        raise FaultError(message)


async def send_once(
    client: httpx.AsyncClient, target: Target, scenario: Scenario
) -> Answer:
    """Send a scenario's request once.

    Raises:
        FaultError: the request did not end within the client's timeout.
        httpx.HTTPError: the service does not respond.

    """
    seconds = client.timeout.read
    try:
        async with (
            asyncio.timeout(seconds),
            open_session(str(client.base_url)) as session,
        ):
            return await send_scenario(session, scenario, target.prefix)
    except TimeoutError as error:
        message = f"the request has not ended after {seconds} s"
        raise FaultError(message) from error
    except aiohttp.ClientError as error:
        raise httpx.TransportError(str(error)) from error


async def _all_waiting(client: httpx.AsyncClient, requests: int) -> None:
    """Wait until each request waits for the provider, or for the pool."""
    async for page in poll_loans(client):
        provider = await control(client, "GET", "/lab/provider")
        for_a_pool = sum(
            pool.waiting for pool in page.pools if pool.lent == pool.capacity
        )
        if provider["waiting"] + for_a_pool >= requests:
            return
    message = f"not all of {requests} requests reach the slow call"
    raise FaultError(message)


async def _all_checked_out(client: httpx.AsyncClient, loans: int) -> None:
    """Wait for this number of open loans, or for an exhausted pool."""
    async for page in poll_loans(client):
        if len(page.loans) >= loans or any(
            pool.lent == pool.capacity for pool in page.pools
        ):
            return
    message = f"{loans} connections are never checked out at once"
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
