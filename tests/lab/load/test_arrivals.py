"""The load is open: requests are sent when due, whatever the service does.

The server here responds when the test says so, and counts what it receives.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from random import Random

import pytest

from app.api import LESSONS, SERVICE
from app.orders import lesson
from lab.load.arrivals import (
    Arrival,
    RequestResult,
    plan_arrivals,
    send_arrivals,
)
from lab.load.mix import EMPTY_ORDERS, FILLED_ORDERS, with_any_order
from tests.conftest import Service, until

RATE = 200
EMPTY = "an order without items"
TICK = 0.001
"""Seconds; a timer may be early by less."""
RESPONSE = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


@dataclass(slots=True)
class Server:
    """Keeps every request waiting until it is told to respond."""

    url: str = ""
    received: int = 0
    open: int = 0
    responding: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.open += 1
        try:
            while await reader.readline():  # the request line
                while (await reader.readline()).strip():
                    pass
                self.received += 1
                # A client that goes is seen at once.
                gone = asyncio.ensure_future(reader.read(1))
                told = asyncio.ensure_future(self.responding.wait())
                await asyncio.wait(
                    {gone, told}, return_when=asyncio.FIRST_COMPLETED
                )
                if not self.responding.is_set():
                    return
                gone.cancel()
                writer.write(RESPONSE)
                await writer.drain()
                return
        finally:
            self.open -= 1
            writer.close()


LONGER = 60
"""Seconds that a client waits: longer than a busy machine may stall."""


@asynccontextmanager
async def frozen() -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    server.url = f"http://127.0.0.1:{port}"
    async with listening:
        yield server
        server.responding.set()
        await until(lambda: not server.open)


def gets(number: int) -> list[Arrival]:
    """So many arrivals of one scenario, evenly spaced."""
    scenario = lesson.scenarios[0]
    return [Arrival(n / RATE, "orders", scenario) for n in range(number)]


def test_a_seed_plans_the_same_requests_at_the_same_moments() -> None:
    assert list(plan_arrivals(RATE, 7, 2)) == list(plan_arrivals(RATE, 7, 2))
    assert list(plan_arrivals(RATE, 7, 2)) != list(plan_arrivals(RATE, 8, 2))


def test_a_longer_plan_begins_as_a_shorter_one() -> None:
    short = list(plan_arrivals(RATE, 7, 1))

    assert list(islice(plan_arrivals(RATE, 7), len(short))) == short


def test_arrivals_are_evenly_spaced_to_the_end() -> None:
    assert [a.offset for a in plan_arrivals(4, 1, 1)] == [0, 0.25, 0.5, 0.75]


def test_each_scenario_has_its_share() -> None:
    scenarios = [each for card in SERVICE for each in card.scenarios]
    share = 10_000 / len(scenarios)

    drawn = Counter(a.scenario.name for a in plan_arrivals(10_000, 1, 1))

    assert set(drawn) == {scenario.name for scenario in scenarios}
    bad_input = 2  # scenarios have this name
    assert all(
        0.8 * share < n < 1.2 * bad_input * share for n in drawn.values()
    )


def test_process_requests_are_spread_over_many_orders() -> None:
    """Requests for one order would queue at its row lock."""
    for name, orders in (("an order", FILLED_ORDERS), (EMPTY, EMPTY_ORDERS)):
        paths = [
            arrival.scenario.path
            for arrival in plan_arrivals(RATE, 1, 20)
            if arrival.lesson == "order_processor"
            and arrival.scenario.name == name
        ]

        assert set(paths) <= {f"/orders/{order}/process" for order in orders}
        assert len(set(paths)) > 0.9 * min(len(paths), len(orders))


@pytest.mark.parametrize(
    "path", ["/orders/2147483647", "/orders/0/summary", "/orders?limit=1"]
)
def test_a_path_without_a_known_order_stays_as_it_is(path: str) -> None:
    assert with_any_order(path, Random(1)) == path  # noqa: S311 - a test


async def test_a_frozen_server_does_not_slow_its_load_down() -> None:
    """No response is sent until all have come; no closed loop gets so far."""
    arrivals, results = gets(100), list[RequestResult]()
    async with frozen() as server:
        sending = asyncio.create_task(
            send_arrivals(server.url, iter(arrivals), results.append, LONGER)
        )
        await until(lambda: server.received == len(arrivals))
        assert not results
        server.responding.set()
        await sending

    assert [r.ending for r in results] == ["ok"] * len(arrivals)


async def test_latency_begins_when_a_request_was_due() -> None:
    """Each waits at least until the last arrival, by which they differ."""
    arrivals, results = gets(100), list[RequestResult]()
    async with frozen() as server:
        sending = asyncio.create_task(
            send_arrivals(server.url, iter(arrivals), results.append, LONGER)
        )
        await until(lambda: server.received == len(arrivals))
        server.responding.set()
        await sending

    last = arrivals[-1].offset
    assert all(r.latency > last - r.offset - TICK for r in results)


async def test_a_client_that_is_late_says_so_and_counts_it() -> None:
    """Its loop stands still for a while: the requests' latency has it."""
    stall, results = 0.2, list[RequestResult]()

    def stalled() -> Iterator[Arrival]:
        time.sleep(stall)
        yield from gets(10)

    async with frozen() as server:
        server.responding.set()
        await send_arrivals(server.url, stalled(), results.append)

    for result in results:
        assert result.lateness > stall - result.offset - TICK
        assert result.latency >= result.lateness


async def test_requests_beyond_the_cap_are_counted_as_not_sent() -> None:
    endings = Counter[str]()
    async with frozen() as server:
        sending = asyncio.create_task(
            send_arrivals(
                server.url,
                iter(gets(10)),
                lambda result: endings.update([result.ending]),
                most_outstanding=3,
            )
        )
        await until(lambda: endings["not sent"] == 7)
        server.responding.set()
        await sending

    assert endings == {"not sent": 7, "ok": 3}
    assert server.received == 3


async def test_a_missing_response_is_a_timeout() -> None:
    results: list[RequestResult] = []
    async with frozen() as server:
        await send_arrivals(
            server.url, iter(gets(5)), results.append, timeout=0.2
        )

    assert [r.ending for r in results] == ["timeout"] * 5
    assert all(r.latency > 0.2 - TICK for r in results)


async def test_a_service_that_is_away_is_disconnected() -> None:
    async with frozen() as server:
        pass
    results: list[RequestResult] = []

    await send_arrivals(server.url, iter(gets(3)), results.append)

    assert [r.ending for r in results] == ["disconnected"] * 3


async def test_another_status_than_the_scenarios_is_a_wrong_status() -> None:
    unknown = next(s for s in lesson.scenarios if s.status == 404)
    results: list[RequestResult] = []
    async with frozen() as server:
        server.responding.set()
        await send_arrivals(
            server.url, iter([Arrival(0, "orders", unknown)]), results.append
        )

    assert [(r.ending, r.status) for r in results] == [("wrong status", 200)]


async def test_cancelled_it_leaves_no_task_and_no_socket() -> None:
    before = asyncio.all_tasks()
    async with frozen() as server:
        sending = asyncio.create_task(
            send_arrivals(server.url, plan_arrivals(RATE, 1), lambda _: None)
        )
        await until(lambda: server.received > 3)

        sending.cancel()
        await asyncio.wait({sending})

        assert sending.cancelled()
        await until(lambda: not server.open)
    await until(lambda: asyncio.all_tasks() == before)


async def test_each_scenario_of_each_lesson_can_be_sent(
    service: Service,
) -> None:
    scenarios = [
        (card.name, scenario)
        for card in LESSONS
        for scenario in card.scenarios
    ]
    arrivals = (
        Arrival(n / 50, *scenario) for n, scenario in enumerate(scenarios)
    )
    results: list[RequestResult] = []

    await send_arrivals(
        str(service.client.base_url), arrivals, results.append, timeout=30
    )
    await service.client.post("/lab/reset")  # orders were processed

    wrong = [r for r in results if r.ending != "ok"]
    assert not wrong
    assert len(results) == len(scenarios)
