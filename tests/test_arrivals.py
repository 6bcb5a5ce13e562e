"""The load is open: it comes at its times, whatever the service does.

The server here answers when the test says so; what it has seen is counted.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice

from app.api import LESSONS, SERVICE
from app.orders import lesson
from lab.load.arrivals import Arrival, Outcome, plan, send_arrivals
from tests.conftest import Service, until

RATE = 200
TICK = 0.001
"""Seconds; a timer may be early by less."""
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


@dataclass(slots=True)
class Server:
    """Keeps every request waiting until it is told to answer."""

    url: str = ""
    received: int = 0
    open: int = 0
    answering: asyncio.Event = field(default_factory=asyncio.Event)

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
                told = asyncio.ensure_future(self.answering.wait())
                await asyncio.wait(
                    {gone, told}, return_when=asyncio.FIRST_COMPLETED
                )
                if not self.answering.is_set():
                    return
                gone.cancel()
                writer.write(ANSWER)
                await writer.drain()
                return
        finally:
            self.open -= 1
            writer.close()


LONGER = 60
"""Seconds that a customer stays: more than a machine may stand still."""


@asynccontextmanager
async def frozen() -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    server.url = f"http://127.0.0.1:{port}"
    async with listening:
        yield server
        server.answering.set()
        await until(lambda: not server.open)


def gets(number: int) -> list[Arrival]:
    """So many arrivals of one scenario, evenly spaced."""
    scenario = lesson.scenarios[0]
    return [Arrival(n / RATE, "orders", scenario) for n in range(number)]


def test_a_seed_plans_the_same_requests_at_the_same_moments() -> None:
    assert list(plan(RATE, 7, 2)) == list(plan(RATE, 7, 2))
    assert list(plan(RATE, 7, 2)) != list(plan(RATE, 8, 2))


def test_a_longer_plan_begins_as_a_shorter_one() -> None:
    short = list(plan(RATE, 7, 1))

    assert list(islice(plan(RATE, 7), len(short))) == short


def test_arrivals_are_evenly_spaced_to_the_end() -> None:
    assert [a.offset for a in plan(4, 1, 1)] == [0, 0.25, 0.5, 0.75]


def test_each_scenario_has_its_share() -> None:
    scenarios = [each for card in SERVICE for each in card.scenarios]
    share = 10_000 / len(scenarios)

    drawn = Counter(a.scenario.name for a in plan(10_000, 1, 1))

    assert set(drawn) == {scenario.name for scenario in scenarios}
    bad_input = 2  # scenarios have this name
    assert all(
        0.8 * share < n < 1.2 * bad_input * share for n in drawn.values()
    )


async def test_a_frozen_server_does_not_slow_its_load_down() -> None:
    """None is answered until all have come: no closed loop gets so far."""
    arrivals, outcomes = gets(100), list[Outcome]()
    async with frozen() as server:
        sending = asyncio.create_task(
            send_arrivals(server.url, iter(arrivals), outcomes.append, LONGER)
        )
        await until(lambda: server.received == len(arrivals))
        assert not outcomes
        server.answering.set()
        await sending

    assert [o.fate for o in outcomes] == ["answered"] * len(arrivals)


async def test_latency_begins_when_a_request_was_meant_to_be_sent() -> None:
    """Each waits at least until the last arrival, by which they differ."""
    arrivals, outcomes = gets(100), list[Outcome]()
    async with frozen() as server:
        sending = asyncio.create_task(
            send_arrivals(server.url, iter(arrivals), outcomes.append, LONGER)
        )
        await until(lambda: server.received == len(arrivals))
        server.answering.set()
        await sending

    last = arrivals[-1].offset
    assert all(o.latency > last - o.offset - TICK for o in outcomes)


async def test_a_client_that_is_late_says_so_and_counts_it() -> None:
    """Its loop stands still for a while: the requests' latency has it."""
    stall, outcomes = 0.2, list[Outcome]()

    def stalled() -> Iterator[Arrival]:
        time.sleep(stall)
        yield from gets(10)

    async with frozen() as server:
        server.answering.set()
        await send_arrivals(server.url, stalled(), outcomes.append)

    for outcome in outcomes:
        assert outcome.lateness > stall - outcome.offset - TICK
        assert outcome.latency >= outcome.lateness


async def test_what_is_beyond_the_cap_is_not_sent_and_told_apart() -> None:
    fates = Counter[str]()
    async with frozen() as server:
        sending = asyncio.create_task(
            send_arrivals(
                server.url,
                iter(gets(10)),
                lambda outcome: fates.update([outcome.fate]),
                most_outstanding=3,
            )
        )
        await until(lambda: fates["not sent"] == 7)
        server.answering.set()
        await sending

    assert fates == {"not sent": 7, "answered": 3}
    assert server.received == 3


async def test_an_answer_that_never_comes_is_waited_for_so_long() -> None:
    outcomes: list[Outcome] = []
    async with frozen() as server:
        await send_arrivals(
            server.url, iter(gets(5)), outcomes.append, timeout=0.2
        )

    assert [o.fate for o in outcomes] == ["timed out"] * 5
    assert all(o.latency > 0.2 - TICK for o in outcomes)


async def test_a_service_that_is_away_is_told_apart() -> None:
    async with frozen() as server:
        pass
    outcomes: list[Outcome] = []

    await send_arrivals(server.url, iter(gets(3)), outcomes.append)

    assert [o.fate for o in outcomes] == ["broken"] * 3


async def test_another_status_than_the_scenarios_is_a_wrong_answer() -> None:
    unknown = next(s for s in lesson.scenarios if s.status == 404)
    outcomes: list[Outcome] = []
    async with frozen() as server:
        server.answering.set()
        await send_arrivals(
            server.url, iter([Arrival(0, "orders", unknown)]), outcomes.append
        )

    assert [(o.fate, o.status) for o in outcomes] == [("wrong answer", 200)]


async def test_cancelled_it_leaves_no_task_and_no_socket() -> None:
    before = asyncio.all_tasks()
    async with frozen() as server:
        sending = asyncio.create_task(
            send_arrivals(server.url, plan(RATE, 1), lambda _: None)
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
    outcomes: list[Outcome] = []

    await send_arrivals(
        str(service.client.base_url), arrivals, outcomes.append, timeout=30
    )

    wrong = [o for o in outcomes if o.fate != "answered"]
    assert not wrong
    assert len(outcomes) == len(scenarios)
