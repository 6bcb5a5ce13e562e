"""Send a scenario's requests, some at once or all of them."""

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
from lab.check.observe import FaultError, control, poll_loans, read_loans
from lab.check.target import Target


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; the status of a WebSocket is 200 if it sent a message."""

    status: int
    content_type: str = ""
    body: str = ""

    @property
    def content(self) -> Any:  # noqa: ANN401 - any JSON
        """The body, without the id and time that the database generates."""
        if "json" not in self.content_type:
            return self.body
        try:
            content = json.loads(self.body)
        except ValueError:  # a trainee's file may return anything
            return self.body
        if self.status == HTTPStatus.CREATED and isinstance(content, dict):
            content |= {"id": ..., "created_at": ...}
        return content


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
        # The timeout of httpx is for each part of a response.
        async with asyncio.timeout(seconds):
            if scenario.method == "WEBSOCKET":
                return await _send_over_websocket(client, target, scenario)
            return await _send_over_http(client, target, scenario)
    except TimeoutError as error:
        message = f"the request has not ended after {seconds} s"
        raise FaultError(message) from error


async def _send_over_http(
    client: httpx.AsyncClient, target: Target, scenario: Scenario
) -> Answer:
    answer = await client.request(
        scenario.method, f"{target.prefix}{scenario.path}", json=scenario.body
    )
    content_type = answer.headers.get("content-type", "")
    return Answer(answer.status_code, content_type, answer.text)


async def _send_over_websocket(
    client: httpx.AsyncClient, target: Target, scenario: Scenario
) -> Answer:
    url = client.base_url.copy_with(scheme="ws").join(
        f"{target.prefix}{scenario.path}"
    )
    try:
        async with connect(str(url), open_timeout=None, proxy=None) as socket:
            await socket.send(json.dumps(scenario.body))
            content = await socket.recv(decode=True)
    except InvalidStatus as refused:
        return Answer(refused.response.status_code)
    except ConnectionClosed:
        return Answer(HTTPStatus.INTERNAL_SERVER_ERROR)
    return Answer(HTTPStatus.OK, "application/json", content)


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
