"""Send a scenario's requests: some at once, or all until they have met."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from app.lab.looking import FaultError, ask_loans, control, looks
from app.lesson import Scenario, Variant

Answer = int
"""A status; of a WebSocket, 200 where it has answered."""


@asynccontextmanager
async def together(
    client: httpx.AsyncClient,
    variant: Variant,
    scenario: Scenario,
    requests: int,
) -> AsyncIterator[None]:
    """Send all at once; the block runs when they have met, before they go on.

    All have been answered when it is left.
    """
    lent = len((await ask_loans(client)).loans)
    at_orders = scenario.meet == "orders"
    async with (_locked_orders if at_orders else _silent_provider)(client):
        sending = asyncio.create_task(
            send(client, variant, scenario, requests, requests)
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


async def send(
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


async def _all_waiting(client: httpx.AsyncClient, requests: int) -> None:
    """Wait until each request waits for the provider, or for the pool."""
    async for page in looks(client):
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
    async for page in looks(client):
        if len(page.loans) >= loans or any(
            pool.lent == pool.capacity for pool in page.pools
        ):
            return
    message = "the requests do not come together"
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
