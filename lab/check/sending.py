"""Send a scenario's requests: some at once, or all until they have met."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.lesson import Scenario
from lab.check.observe import FaultError, ask_loans, control, looks
from lab.check.target import Side


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; of a WebSocket, 200 where it has answered."""

    status: int
    kind: str = ""
    body: str = ""

    @property
    def told(self) -> Any:  # noqa: ANN401 - any JSON
        """The body, less what the database makes up for each new order."""
        if "json" not in self.kind:
            return self.body
        try:
            told = json.loads(self.body)
        except ValueError:  # a trainee's file may answer anything
            return self.body
        if self.status == HTTPStatus.CREATED and isinstance(told, dict):
            told |= {"id": ..., "created_at": ...}
        return told


@asynccontextmanager
async def together(
    client: httpx.AsyncClient,
    side: Side,
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
            send(client, side, scenario, requests, requests)
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
    side: Side,
    scenario: Scenario,
    requests: int,
    at_once: int,
) -> None:
    """Send all, and hold the answers against the card."""
    turn = asyncio.Semaphore(at_once)

    async def in_turn() -> int:
        async with turn:
            return (await ask(client, side, scenario)).status

    answers = await asyncio.gather(*(in_turn() for _ in range(requests)))
    stated = int(scenario.status)
    wrong = {told for told in answers if not side.allows(told, stated)}
    if wrong:
        message = (
            f"{scenario.name}, {side.name}: answered {sorted(wrong)},"
            f" wanted {stated}"
        )
        raise FaultError(message)


async def ask(
    client: httpx.AsyncClient, side: Side, scenario: Scenario
) -> Answer:
    """Send a scenario's request once.

    Raises:
        FaultError: it has not ended in the seconds that the client waits.
        httpx.HTTPError: the service does not answer.

    """
    seconds = client.timeout.read
    try:
        # httpx itself waits so long for each part of an answer.
        async with asyncio.timeout(seconds):
            if scenario.method == "WEBSOCKET":
                return await _ask_socket(client, side, scenario)
            return await _ask_http(client, side, scenario)
    except TimeoutError as error:
        message = f"the request has not ended after {seconds} s"
        raise FaultError(message) from error


async def _ask_http(
    client: httpx.AsyncClient, side: Side, scenario: Scenario
) -> Answer:
    answer = await client.request(
        scenario.method, f"{side.prefix}{scenario.path}", json=scenario.body
    )
    kind = answer.headers.get("content-type", "")
    return Answer(answer.status_code, kind, answer.text)


async def _ask_socket(
    client: httpx.AsyncClient, side: Side, scenario: Scenario
) -> Answer:
    url = client.base_url.copy_with(scheme="ws").join(
        f"{side.prefix}{scenario.path}"
    )
    try:
        async with connect(str(url), open_timeout=None, proxy=None) as socket:
            await socket.send(json.dumps(scenario.body))
            told = await socket.recv(decode=True)
    except InvalidStatus as refused:
        return Answer(refused.response.status_code)
    except ConnectionClosed:
        return Answer(HTTPStatus.INTERNAL_SERVER_ERROR)
    return Answer(HTTPStatus.OK, "application/json", told)


async def _all_waiting(client: httpx.AsyncClient, requests: int) -> None:
    """Wait until each request waits for the provider, or for the pool."""
    async for page in looks(client):
        provider = await control(client, "GET", "/lab/provider")
        for_a_pool = sum(
            pool.waiting for pool in page.pools if pool.lent == pool.capacity
        )
        if provider["waiting"] + for_a_pool >= requests:
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
